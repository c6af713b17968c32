import { expect, test } from "vitest";

import { isPlain } from "../src/plain";

test.each([
  ["4b116d3c-1703-4f8f-9f6f-39921e5864df", true],
  ["polaris", true],
  ["two words é ☃", true],
  ["", true],
  ["id\nimport os", false],
  ["id\r!touch made", false],
  ["id\u2028print(1)", false],
  ["{open('made', 'w')}", false],
  ["$made", false],
  ["a\u0000b", false],
  ["a\u001b]0;t\u0007", false],
  ["a\u202eb", false],
  ["\ud800", false],
])("%j", (text, plain) => {
  expect(isPlain(text)).toBe(plain);
});
