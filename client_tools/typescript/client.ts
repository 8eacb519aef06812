/** The client of Coffer's API: openapi-fetch over the types of the schema. */
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type { paths } from "./schema.js";
export type Schemas = components["schemas"];
export type Problem = Schemas["Problem"];

/** What the API refused, and why: `problem.code` is stable, `problem.errors` names fields. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.status} ${problem.code}: ${problem.detail}`);
  }
}

/** `access` is the token of a log-in; without it only what is open answers. */
export function coffer(baseUrl: string, access?: string): Client<paths> {
  return createClient<paths>({ baseUrl, headers: access === undefined ? {} : { Authorization: `Bearer ${access}` } });
}

/** What was asked for; throws Refused. */
export async function sure<Body>(asked: Promise<{ data?: Body; error?: Problem | undefined }>): Promise<NonNullable<Body>> {
  const { data, error } = await asked;
  if (error !== undefined) throw new Refused(error);
  if (data === undefined || data === null) throw new Error("an answer without a body");
  return data;
}

/** Every row of a list, page by page: `page` asks for the one behind `cursor`. */
export async function* rows<Row>(
  page: (cursor: string | undefined) => Promise<{ items: Row[]; next_cursor: string | null }>,
): AsyncGenerator<Row> {
  let cursor: string | undefined;
  do {
    const { items, next_cursor } = await page(cursor);
    yield* items;
    cursor = next_cursor ?? undefined;
  } while (cursor !== undefined);
}
