"""What travels, looked at from outside: invented notebooks, other Pythons, hostile files."""
