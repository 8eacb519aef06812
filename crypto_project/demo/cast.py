"""Who takes part in the demo: a company, its wallets, and the people it deals with."""

from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from crypto_api.classification.types import CounterpartyKind
from crypto_api.organizations.types import Role
from crypto_api.wallets.documents import WalletType
from crypto_project.demo.keys import dev_account

ORGANIZATION = "Northwind Labs"


@dataclass(frozen=True, slots=True)
class Person:
    first_name: str
    last_name: str
    username: str
    role: Role
    password: str

    @property
    def email(self) -> str:
        return f"{self.username}@northwind.example"


@dataclass(frozen=True, slots=True)
class WalletPlan:
    name: str
    key_index: int
    wallet_type: WalletType

    @property
    def account(self) -> LocalAccount:
        return dev_account(self.key_index)


@dataclass(frozen=True, slots=True)
class Outsider:
    name: str
    key_index: int
    kind: CounterpartyKind | None  # None: nobody the company knows

    @property
    def account(self) -> LocalAccount:
        return dev_account(self.key_index)


# The passwords are printed by the demo and open nothing but the demo.
FOUNDER = Person("Mara", "Lindqvist", "mara.lindqvist", Role.ADMIN, "amber-quarry-47-lantern")
STAFF = (
    Person("Tobias", "Okafor", "tobias.okafor", Role.ACCOUNTANT, "velvet-ferry-83-orchard"),
    Person("Ines", "Carvalho", "ines.carvalho", Role.APPROVER, "cobalt-meadow-29-signal"),
    Person("Henrik", "Sato", "henrik.sato", Role.AUDITOR, "granite-harbor-61-compass"),
    Person("Lena", "Brandt", "lena.brandt", Role.MANAGER, "saffron-tunnel-38-beacon"),
    Person("Ada", "Moreau", "ada.moreau", Role.USER, "indigo-pebble-52-cascade"),
)


@dataclass(frozen=True, slots=True)
class Post:
    """A place in the company: who has it, and under whom. Names that are nobody's above have no account."""

    email: str
    first_name: str
    last_name: str
    job_title: str
    department: str
    manager_email: str | None
    verified: bool = True


def _post(person: Person, job_title: str, department: str, manager: Person | None) -> Post:
    return Post(person.email, person.first_name, person.last_name, job_title, department, manager.email if manager else None)


def _engineer(first_name: str, last_name: str, username: str, job_title: str, *, verified: bool = True) -> Post:
    return Post(f"{username}@northwind.example", first_name, last_name, job_title, "Engineering", STAFF[3].email, verified)


POSTS = (
    _post(FOUNDER, "Managing director", "Management", None),
    _post(STAFF[0], "Controller", "Finance", FOUNDER),
    _post(STAFF[1], "Head of finance", "Finance", FOUNDER),
    _post(STAFF[2], "Internal auditor", "Audit", FOUNDER),
    _post(STAFF[3], "Head of engineering", "Engineering", FOUNDER),
    _engineer("Ada", "Moreau", "ada.moreau", "Protocol engineer"),
    _engineer("Jonas", "Weber", "jonas.weber", "Site reliability engineer"),
    _engineer("Priya", "Nair", "priya.nair", "Product engineer"),
    _engineer("Tomás", "Rivera", "tomas.rivera", "Security engineer", verified=False),
)

TREASURY = WalletPlan("Treasury", 2001, WalletType.PRIVATE_KEY)
OPERATIONS = WalletPlan("Operations", 2002, WalletType.PRIVATE_KEY)
PAYROLL = WalletPlan("Payroll", 2003, WalletType.PRIVATE_KEY)
RECEIVABLES = WalletPlan("Receivables", 2004, WalletType.WATCH)
COLD_RESERVE = WalletPlan("Cold reserve", 2005, WalletType.WATCH)
GAS_TANK = WalletPlan("Gas tank", 2006, WalletType.PRIVATE_KEY)
PAYOUTS = WalletPlan("Payouts", 2007, WalletType.PRIVATE_KEY)  # for payments of visitors: nothing that the demo plays spends from it
WALLETS = (TREASURY, OPERATIONS, PAYROLL, RECEIVABLES, COLD_RESERVE, GAS_TANK, PAYOUTS)

CLIENTS = (
    Outsider("Alpine Robotics GmbH", 3001, CounterpartyKind.CLIENT),
    Outsider("Fjord Analytics AS", 3002, CounterpartyKind.CLIENT),
    Outsider("Maple Grid Inc.", 3003, CounterpartyKind.CLIENT),
)
EMPLOYEES = (
    Outsider("Ada Moreau", 3101, CounterpartyKind.EMPLOYEE),
    Outsider("Jonas Weber", 3102, CounterpartyKind.EMPLOYEE),
    Outsider("Priya Nair", 3103, CounterpartyKind.EMPLOYEE),
    Outsider("Tomás Rivera", 3104, CounterpartyKind.EMPLOYEE),
)
SUPPLIERS = (
    Outsider("Nimbus Cloud Hosting", 3201, CounterpartyKind.SUPPLIER),
    Outsider("Hallberg Audit", 3202, CounterpartyKind.SUPPLIER),
)
EXCHANGE = Outsider("Kestrel Exchange", 3301, CounterpartyKind.EXCHANGE)
COUNTERPARTIES = (*CLIENTS, *EMPLOYEES, *SUPPLIERS, EXCHANGE)
PAYEES = (*SUPPLIERS, *EMPLOYEES)
PAYEE_TO_VERIFY = EMPLOYEES[-1]
STRANGER = Outsider("somebody", 3901, None)
SPOOFER = Outsider("an address poisoner", 3902, None)
