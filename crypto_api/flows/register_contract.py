"""Register a contract by its address, and read it again: what stands there is asked of the chain first, then stored."""

from collections.abc import Mapping

from crypto_api.contracts import service as contracts
from crypto_api.contracts.abi import parse_abi
from crypto_api.contracts.documents import Contract
from crypto_api.contracts.types import SOURCE_BYTES_MAX, NewContract, NodeReader
from crypto_api.flows.inspect_contract import inspect_contract
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import FieldError, InvalidInput, Unavailable
from crypto_api.kit.ethereum import parse_address
from crypto_api.kit.networks import NetworkConfig
from mongodb_config.unit_of_work import UnitOfWork

Chains = Mapping[str, NodeReader]
Networks = Mapping[str, NetworkConfig]


async def register_contract(
    uow: UnitOfWork, clock: Clock, networks: Networks, chains: Chains, org_id: str, user_id: str, new: NewContract
) -> Contract:
    """InvalidInput naming the fields, ContractExists; ChainUnavailable when nobody can say what stands at the address."""
    checked = _checked(networks, new)
    inspection = await inspect_contract(chains[checked.network], checked.address)
    if not inspection.code:
        raise InvalidInput.of("address", "has no code on this network: it is not a contract", "no_code")
    return await contracts.register(uow, org_id, user_id, networks[checked.network], checked, inspection, clock.now())


async def refresh_contract(uow: UnitOfWork, clock: Clock, chains: Chains, contract: Contract) -> Contract:
    """Reads it again at the head. An implementation that has changed is told as an event and in the audit log."""
    inspection = await inspect_contract(chain_of(chains, contract), contract.address)
    return await contracts.note_inspection(uow, contract, inspection, clock.now())


def chain_of(chains: Chains, contract: Contract) -> NodeReader:
    chain = chains.get(contract.network)
    if chain is None:
        raise Unavailable("The network of this contract is not configured any more.", code="network_unavailable")
    return chain


def _checked(networks: Networks, new: NewContract) -> NewContract:
    errors: list[FieldError] = []
    address = new.address
    if new.network not in networks:
        errors.append(FieldError("network", "is not a network of this installation", "unknown_network"))
    try:
        address = parse_address(new.address)
    except ValueError as error:
        errors.append(FieldError("address", str(error), "invalid_address"))
    if new.abi:
        try:
            parse_abi(new.abi)
        except InvalidInput as error:
            errors.extend(error.errors)
    if new.source and len(new.source.encode(errors="replace")) > SOURCE_BYTES_MAX:
        errors.append(FieldError("source", f"has more than {SOURCE_BYTES_MAX:,} bytes", "too_long"))
    if errors:
        raise InvalidInput(*errors)
    return NewContract(address, new.network, new.name or f"Contract {address[:6]}…{address[-4:]}", new.abi, new.source)
