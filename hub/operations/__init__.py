"""One function per thing an operator can do. Each takes an opened hub (or a folder), says nothing on a screen, and
answers with a frozen value, which the command line prints as a table or as JSON and the web will show as a page."""
