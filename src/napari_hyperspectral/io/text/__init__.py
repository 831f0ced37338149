"""Text files: tables, and the exports of LabSpec and WITec."""
