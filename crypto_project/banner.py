"""What a started installation says on the terminal."""

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from crypto_project.shell import Shell


def demo_panel(shell: Shell) -> Panel:
    facts = _facts(shell)
    logins = Table("role", "e-mail", "password", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in logins.columns:
        column.no_wrap, column.overflow = True, "fold"
    for role, email, password in shell.world.logins if shell.world else []:
        logins.add_row(role, email, password)
    hint = Text("Log in with any of these. Ctrl-C stops everything.", style="dim")
    return Panel(Group(facts, "", logins, "", hint), title="Coffer demo", expand=False, padding=(1, 2))


def serve_panel(shell: Shell) -> Panel:
    hint = Text("The first person registers at /register/. Ctrl-C stops everything.", style="dim")
    return Panel(Group(_facts(shell), "", hint), title="Coffer", expand=False, padding=(1, 2))


def _facts(shell: Shell) -> Table:
    facts = Table.grid(padding=(0, 3))
    facts.add_row("open", Text(shell.page_url, style=f"bold link {shell.page_url}"))
    facts.add_row("API", f"{shell.base_url}/api/docs")
    facts.add_row("data", f"{shell.data_dir}" + (" (removed at the end)" if shell.ephemeral else ""))
    facts.add_row("logs", str(shell.log_dir))
    embedded = ", ".join(shell.servers.children)
    facts.add_row("embedded", f"{embedded}: for one machine, trying out and tests" if embedded else "nothing: every server is a configured one")
    return facts
