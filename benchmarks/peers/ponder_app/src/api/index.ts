import { Hono } from "hono";
import { db } from "ponder:api";
import { transfer } from "ponder:schema";

// What was stored, for the comparison with the others.
const app = new Hono();
app.get("/transfers", async (c) => {
  const rows = await db.select({ transaction: transfer.transaction, to: transfer.to }).from(transfer);
  return c.json(rows.map((row) => [row.transaction, row.to]));
});
export default app;
