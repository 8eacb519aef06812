"""Everything about MongoDB that knows no domain: client, unit of work, base document, leases, migrations, server checks."""
