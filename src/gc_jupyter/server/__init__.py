"""The Jupyter Server half of the lab extension: the journal and the login, for the panels."""
