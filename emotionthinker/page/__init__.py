"""What the Analyze tab is made of: each file turns plain data into one part of the page. `emotionthinker.ui` puts them together."""
