/** From the log-in to an invoice, with what is refused on the way. Wants somebody who may write clients and invoices. */
import { coffer, Refused, rows, sure, type Problem } from "./client.js";

async function refusal(asked: Promise<unknown>): Promise<Problem> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof Refused) return error.problem;
    throw error;
  }
  throw new Error("nothing was refused");
}

export async function journey(baseUrl: string, username: string, password: string) {
  const { access } = await sure(coffer(baseUrl).POST("/api/auth/login/", { body: { username, password } }));
  const api = coffer(baseUrl, access);
  const wallets = await sure(api.GET("/api/wallets/"));

  const named: string[] = [];
  for (const name of ["Analytical Engines", "Difference Engines", "Looms"]) {
    const { id } = await sure(api.POST("/api/clients/", { body: { name }, params: { header: { "Idempotency-Key": `example-client-${named.length}` } } }));
    named.push(id);
  }
  const clients: string[] = [];
  for await (const { name } of rows((cursor) =>
    sure(api.GET("/api/clients/", { params: { query: { limit: 2, sort: "name", ...(cursor === undefined ? {} : { cursor }) } } })),
  )) {
    clients.push(name);
  }

  const drafted = await sure(
    api.POST("/api/invoices/", {
      body: {
        client_id: named[0] ?? "",
        currency: "USD",
        tax_rate: "19",
        items: [{ description: "Analysis of the engine", quantity: "2.5", unit_price: "120.00" }],
      },
    }),
  );
  const invoice = await sure(api.GET("/api/invoices/{invoice_id}/", { params: { path: { invoice_id: drafted.id } } }));

  const absent = await refusal(sure(api.GET("/api/invoices/{invoice_id}/", { params: { path: { invoice_id: "inv_absent" } } })));
  const wrong = await refusal(sure(api.POST("/api/clients/", { body: { name: "" } })));
  return {
    wallets: wallets.items.map(({ name }) => name),
    clients,
    invoice: { status: invoice.status, subtotal: invoice.subtotal, tax: invoice.tax_amount, total: invoice.total_amount, client: invoice.client_name },
    absent: { status: absent.status, code: absent.code },
    wrong: { status: wrong.status, code: wrong.code, fields: (wrong.errors ?? []).map(({ field }) => field) },
  };
}
