import { expect, test } from "vitest";

import { runOn } from "../src/cell_line";

function edited(source: string, name: string | null): string {
  const edit = runOn(source, name);
  return typeof edit === "string" ? `! ${edit}` : source.slice(0, edit.from) + edit.text + source.slice(edit.to);
}

test.each([
  ["f(x)", "%%gcrun polaris\nf(x)"],
  ["", "%%gcrun polaris\n"],
  ["\n\nf(x)", "%%gcrun polaris\nf(x)"],
  ["%%gcrun local\nf(x)", "%%gcrun polaris\nf(x)"],
  ["\n%%gcrun local -a\nf(x)", "\n%%gcrun polaris -a\nf(x)"],
  ["%%gcrun\nf(x)", "%%gcrun polaris\nf(x)"],
  ["%%gcrun -a --out a,b local -q\nf(x)", "%%gcrun -a --out a,b polaris -q\nf(x)"],
  ["%%gcrun -a --out a,b\nf(x)", "%%gcrun polaris -a --out a,b\nf(x)"],
  ['%%gcrun --label "on local" "my cluster" --map x=range(0, 3)', '%%gcrun --label "on local" polaris --map x=range(0, 3)'],
  ["%%gcrun --map x=[f(1), 'a b'] local\nx", "%%gcrun --map x=[f(1), 'a b'] polaris\nx"],
  ["%%gcrun --label=x $where\nx", "%%gcrun --label=x polaris\nx"],
  ["%%gcshell local --walltime 5\nls", "%%gcshell polaris --walltime 5\nls"],
])("%j runs on polaris as %j", (source, expected) => {
  expect(edited(source, "polaris")).toBe(expected);
});

test.each([
  ["%%gcrun local --out a\nf(x)", "f(x)"],
  ["%%gcrun local", ""],
  ["%%gcshell local --walltime 5\nls", "%%bash\nls"],
])("%j runs in the kernel as %j", (source, expected) => {
  expect(edited(source, null)).toBe(expected);
});

test.each([
  ["%%bash\nls", "polaris", "begins with %%bash"],
  ["%load_ext gc_jupyter\n%gc use local", "polaris", "sets up this notebook"],
  ["f(x)", null, "already"],
])("%j stays as it is for %j: %s", (source, name, why) => {
  expect(runOn(source, name)).toContain(why);
});
