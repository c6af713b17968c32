// A notebook's path from the server: relative to its contents, or absolute if it is elsewhere.

// Whether this server can't open it.
export function isElsewhere(notebook: string): boolean {
  return /^(\/|[A-Za-z]:)/.test(notebook);
}

// The part of it for a narrow column.
export function fileName(notebook: string): string {
  return notebook.split(/[\\/]/).pop() ?? "";
}
