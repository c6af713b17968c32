"""%%gcrun, %%gcshell and %gc."""
