// What becomes a line of a cell that runs: ids and names come from the journal and the service.

// One line of characters that can be seen, with nothing that is looked up in the notebook.
export function isPlain(text: string): boolean {
  return !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}{}$]/u.test(text);
}
