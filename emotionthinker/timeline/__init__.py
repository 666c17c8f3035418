"""Long recordings: what a voice does over an hour, and where its tone turns.

    reading -> segments -> scoring (with store) -> lines -> turns -> export;  follow puts them together
"""
