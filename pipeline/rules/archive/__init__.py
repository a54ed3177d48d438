"""The rules of the archive say what a segment is called, what it holds, and which rows are hidden."""
