"""What the operating system brings: signals, files that others write, the home folder."""
