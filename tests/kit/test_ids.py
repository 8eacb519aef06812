from crypto_api.kit.ids import new_id, next_id


def test_what_is_made_in_order_sorts_in_order() -> None:
    ids = [next_id("evt") for _ in range(1_000)]
    assert ids == sorted(set(ids))
    assert len(ids[0]) == len(new_id("evt"))
