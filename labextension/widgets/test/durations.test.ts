import { expect, test } from "vitest";

import { duration } from "../src/durations";
import cases from "./durations.json";

test.each(cases as [number | null, string][])("%s s reads %j", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});
