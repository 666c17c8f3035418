"""What the tabs of the page are made of: each file turns plain data into one part of the page."""
