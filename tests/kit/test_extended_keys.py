"""Addresses from a public key alone: against the vectors of BIP-32, and against a library that derives with the private keys."""

import pytest
from eth_account import Account

from crypto_api.kit import extended_keys
from tests.factories.receiving import XPUB

# BIP-32, test vectors 1 to 3: a parent, and its public child by a number that is not hardened.
PUBLIC = [
    (  # vector 1: m/0' → m/0'/1
        "xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw",
        1,
        "xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ",
    ),
    (  # vector 1: m/0'/1/2' → m/0'/1/2'/2
        "xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5",
        2,
        "xpub6FHa3pjLCk84BayeJxFW2SP4XRrFd1JYnxeLeU8EqN3vDfZmbqBqaGJAyiLjTAwm6ZLRQUMv1ZACTj37sR62cfN7fe5JnJ7dh8zL4fiyLHV",
    ),
    (  # vector 1: … → m/0'/1/2'/2/1000000000
        "xpub6FHa3pjLCk84BayeJxFW2SP4XRrFd1JYnxeLeU8EqN3vDfZmbqBqaGJAyiLjTAwm6ZLRQUMv1ZACTj37sR62cfN7fe5JnJ7dh8zL4fiyLHV",
        1_000_000_000,
        "xpub6H1LXWLaKsWFhvm6RVpEL9P4KfRZSW7abD2ttkWP3SSQvnyA8FSVqNTEcYFgJS2UaFcxupHiYkro49S8yGasTvXEYBVPamhGW6cFJodrTHy",
    ),
    (  # vector 2: m → m/0
        "xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB",
        0,
        "xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D3tgFxHmwMkQTPH",
    ),
]
# BIP-32, test vector 5: keys that must be refused.
REFUSED = {
    "a private version with a public key": (
        "xprv9s21ZrQH143K24Mfq5zL5MhWK9hUhhGbd45hLXo2Pq2oqzMMo63oStZzFAzHGBP2UuGCqWLTAPLcMtD9y5gkZ6Eq3Rjuahrv17fEQ3Qen6J"
    ),
    "a public version with a private key": (
        "xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6LBpB85b3D2yc8sfvZU521AAwdZafEz7mnzBBsz4wKY5fTtTQBm"
    ),
    "a wrong prefix of the public key": (
        "xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6Txnt3siSujt9RCVYsx4qHZGc62TG4McvMGcAUjeuwZdduYEvFn"
    ),
    "depth zero with a parent": ("xpub661no6RGEX3uJkY4bNnPcw4URcQTrSibUZ4NqJEw5eBkv7ovTwgiT91XX27VbEXGENhYRCf7hyEbWrR3FewATdCEebj6znwMfQkhRYHRLpJ"),
    "depth zero with a number": ("xpub661MyMwAuDcm6CRQ5N4qiHKrJ39Xe1R1NyfouMKTTWcguwVcfrZJaNvhpebzGerh7gucBvzEQWRugZDuDXjNDRmXzSZe4c7mnTK97pTvGS8"),
    "a version that nobody knows": (
        "DMwo58pR1QLEFihHiXPVykYB6fJmsTeHvyTp7hRThAtCX8CvYzgPcn8XnmdfHGMQzT7ayAmfo4z3gY5KfbrZWZ6St24UVf2Qgo6oujFktLHdHY4"
    ),
    "no point of the curve": ("xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6Q5JXayek4PRsn35jii4veMimro1xefsM58PgBMrvdYre8QyULY"),
    "a wrong checksum": "xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6Q5JXayek4PRsn35jii4veMimro1xefsM58PgBMrvdYre8QyULZ",
    "nothing": "",
}


@pytest.mark.parametrize(("parent", "number", "wanted"), PUBLIC)
def test_public_children_are_those_of_bip_32(parent: str, number: int, wanted: str) -> None:
    key = extended_keys.parse(parent)
    assert key.text() == parent
    assert extended_keys.child(key, number).text() == wanted


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_public_key_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"key|checksum|curve|parent"):
        extended_keys.parse(REFUSED[name])


def test_a_private_key_is_refused_and_never_said_back() -> None:
    secret = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"
    with pytest.raises(ValueError, match="is a private key") as error:
        extended_keys.parse(secret)
    assert secret[4:20] not in str(error.value)


def test_addresses_are_those_that_a_wallet_with_the_private_keys_shows() -> None:
    Account.enable_unaudited_hdwallet_features()
    words = " ".join(["test"] * 11 + ["junk"])
    key = extended_keys.parse(XPUB)
    for index in (0, 1, 2, 19, 20, 1_000):
        expected = Account.from_mnemonic(words, account_path=f"m/44'/60'/0'/0/{index}").address
        assert extended_keys.receiving_address(key, index) == expected
        assert extended_keys.receiving_address(extended_keys.child(key, 0), index) == expected, "the key of the external chain gives the same"
        assert extended_keys.receiving_path(key, index) == f"m/44'/60'/0'/0/{index}"


def test_no_hardened_child_and_no_key_of_another_depth() -> None:
    key = extended_keys.parse(XPUB)
    with pytest.raises(ValueError, match="hardened"):
        extended_keys.child(key, extended_keys.HARDENED)
    for wrong in (extended_keys.parse(PUBLIC[3][0]), extended_keys.child(extended_keys.child(key, 0), 0)):
        with pytest.raises(ValueError, match="depth"):
            extended_keys.check_receives(wrong)
