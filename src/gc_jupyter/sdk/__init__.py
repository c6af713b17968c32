"""Import paths of the official SDK and of funcX that their guides use; nothing lives here."""
