"""What MLflow loads of us inside of a notebook's or a program's process: runs started there say what they are made of.

Nothing happens at import.
"""
