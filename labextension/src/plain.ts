// Makes ids and names safe for a line of a cell that runs: they come from the journal and the service.

// One line of visible characters, without those that IPython expands from the notebook's variables.
export function isPlain(text: string): boolean {
  return !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}{}$]/u.test(text);
}
