"""Parts of the Prepare dock: the preview, undo, and where results go."""
