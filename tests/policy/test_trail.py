from llmgw_middleware.policy.trail import Trail


def trail(*names: str, barred: str = "") -> Trail:
    made = Trail()
    for name in names:
        made.add(name)
    for name in barred:
        made.bar(name)
    return made


def test_those_that_were_asked_are_asked_again_only_in_a_further_round():
    met = trail("a", "b")
    assert ("a" in met, "c" in met, sorted(met), len(met)) == (True, False, ["a", "b"], 2)
    met.further_round()
    assert list(met) == []


def test_those_that_are_barred_stay_so():
    met = trail("a", "b", barred="b")
    met.further_round()
    assert list(met) == ["b"]


def test_a_target_that_is_left_is_not_asked_again():
    met = trail("a", "b")
    met.leave()
    met.add("c")
    met.further_round()
    assert sorted(met) == ["a", "b"]


def test_a_trail_tells_whom_it_met():
    assert repr(trail("b", "a", barred="b")) == "<Trail [tried ['a', 'b'], barred ['b']]>"
