"""What every room that speaks with MLflow stands on: its client, its tables, and a change while it is imported.

Nothing happens at import: MLflow loads this inside of other people's processes.
"""
