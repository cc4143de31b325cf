//! Rules about losses, caps, years and releases.

use std::collections::BTreeSet;
use std::thread;

use super::*;

#[test]
fn a_permit_is_worth_its_reservation() {
    let shop = Shop::new();
    let mut ledger = shop.open(loss(100, 7));
    let permit = ledger.reserve(&request(loss(30, 2))).unwrap();
    assert_eq!((permit.rho_nano(), permit.delta_atto()), (30, 2));
    let named = permit.reservation();
    assert!(ledger.contains_head(named.seq, &named.head).unwrap());
    let status = ledger.status().unwrap();
    assert_eq!(status.spent_in_year, Amount { rho_nano: 30, delta_atto: 2 });
    assert_eq!(status.remaining_in_year, Amount { rho_nano: 70, delta_atto: 5 });
    assert_eq!((status.seq, status.head, status.year.as_str()), (2, named.head, "2026"));
}

#[test]
fn a_reserve_without_a_confirm_counts_as_spent() {
    let shop = Shop::new();
    drop(shop.open(loss(100, 0)).reserve(&request(loss(60, 0))).unwrap());
    let mut ledger = shop.open(loss(100, 0));
    assert_eq!(ledger.status().unwrap().spent_in_year.rho_nano, 60);
    let error = ledger.reserve(&request(loss(41, 0))).unwrap_err();
    assert_eq!(error.code(), "ledger.exhausted");
    assert!(error.to_string().contains("2026") && error.to_string().contains("40 nano-rho"), "{error}");
    assert_eq!(ledger.status().unwrap().seq, 2);
    assert_eq!(ledger.reserve(&request(loss(40, 0))).unwrap().rho_nano(), 40);
}

#[test]
fn nothing_is_refunded() {
    let shop = Shop::new();
    let mut ledger = shop.open(loss(100, 10));
    let permit = ledger.reserve(&request(loss(60, 6))).unwrap();
    let reservation = permit.reservation();
    assert!(permit.split(Rho::from_nano(61).unwrap()).is_err());
    assert_eq!(ledger.status().unwrap().remaining_in_year, Amount { rho_nano: 40, delta_atto: 4 });
    ledger.confirm(&reservation, &confirmation(json!(null))).unwrap();
    assert_eq!(ledger.status().unwrap().remaining_in_year, Amount { rho_nano: 40, delta_atto: 4 });
}

#[test]
fn either_part_of_a_loss_can_exhaust_a_year() {
    let shop = Shop::new();
    let mut ledger = shop.open(loss(100, 10));
    assert_eq!(ledger.reserve(&request(loss(101, 0))).unwrap_err().code(), "ledger.exhausted");
    assert_eq!(ledger.reserve(&request(loss(1, 11))).unwrap_err().code(), "ledger.exhausted");
    assert_eq!(ledger.reserve(&request(loss(u64::MAX, u64::MAX))).unwrap_err().code(), "ledger.exhausted");
    let _all = ledger.reserve(&request(loss(100, 10))).unwrap();
    assert_eq!(ledger.reserve(&request(loss(1, 0))).unwrap_err().code(), "ledger.exhausted");
}

#[test]
fn a_new_year_opens_a_new_window_and_life_adds_up() {
    let shop = Shop::new();
    let mut ledger = shop.open(loss(100, 0));
    let _a = ledger.reserve(&request(loss(100, 0))).unwrap();
    shop.set_clock(JULY_2026 + YEAR);
    assert_eq!(ledger.status().unwrap().remaining_in_year.rho_nano, 100);
    let _b = ledger.reserve(&request(loss(70, 0))).unwrap();
    let status = ledger.status().unwrap();
    assert_eq!((status.year.as_str(), status.remaining_in_year.rho_nano), ("2027", 30));
    assert_eq!(status.spent_in_life.rho_nano, 170);
}

#[test]
fn a_clock_set_back_opens_no_window() {
    let shop = Shop::new();
    let mut ledger = shop.open(loss(100, 0));
    let _a = ledger.reserve(&request(loss(100, 0))).unwrap();
    for back in [JULY_2026 - YEAR, JULY_2026 - 10 * YEAR, 0] {
        shop.set_clock(back);
        assert_eq!(ledger.status().unwrap().year, "2026");
        assert_eq!(ledger.reserve(&request(loss(1, 0))).unwrap_err().code(), "ledger.exhausted");
        assert_eq!(shop.open(loss(100, 0)).reserve(&request(loss(1, 0))).unwrap_err().code(), "ledger.exhausted");
    }
    // Forward and back again: the later year stays the one that pays.
    shop.set_clock(JULY_2026 + YEAR);
    let _b = ledger.reserve(&request(loss(60, 0))).unwrap();
    shop.set_clock(JULY_2026);
    assert_eq!(ledger.status().unwrap().remaining_in_year.rho_nano, 40);
    assert_eq!(ledger.reserve(&request(loss(41, 0))).unwrap_err().code(), "ledger.exhausted");
    // Ten years forward: one window, and the years between are lost.
    shop.set_clock(JULY_2026 + 10 * YEAR);
    let _c = ledger.reserve(&request(loss(100, 0))).unwrap();
    for year in (0..10).rev() {
        shop.set_clock(JULY_2026 + year * YEAR);
        assert_eq!(ledger.reserve(&request(loss(1, 0))).unwrap_err().code(), "ledger.exhausted");
        assert_eq!(shop.open(loss(100, 0)).status().unwrap().remaining_in_year.rho_nano, 0);
    }
    assert_eq!(ledger.status().unwrap().spent_in_life.rho_nano, 260);
}

#[test]
fn a_clock_that_cannot_be_right_begins_no_ledger() {
    let shop = Shop::new();
    for wrong in [0, u64::MAX] {
        shop.set_clock(wrong);
        assert_eq!(shop.try_open(&opening(loss(1, 0))).err().unwrap().code(), "ledger.clock");
    }
    assert!(!shop.path().exists());
}

#[test]
fn a_cap_cannot_be_raised_by_a_spec() {
    let shop = Shop::new();
    drop(shop.open(loss(100, 10)));
    let larger = [(1.01, 1e-6), (1.0, 1.1e-6), (0.5, 1.1e-6)]
        .map(|(epsilon, delta)| Claim { epsilon: Epsilon::new(epsilon).unwrap(), delta: Delta::new(delta).unwrap() });
    for (cap, claim) in [loss(101, 10), loss(100, 11), loss(50, 11)].into_iter().zip(larger) {
        let error = shop.try_open(&Opening { claim, ..opening(cap) }).err().unwrap();
        assert_eq!(error.code(), "ledger.cap-raised");
    }
}

#[test]
fn a_tighter_accountant_raises_no_cap_and_locks_nobody_out() {
    let shop = Shop::new();
    drop(shop.open(loss(100, 10)));
    let smaller = Claim { epsilon: Epsilon::new(0.9).unwrap(), ..claim() };
    for claim in [claim(), smaller] {
        // The same promise, or a lesser one, that a later version converts to more.
        for cap in [loss(130, 10), loss(100, 12), loss(130, 12)] {
            let mut ledger = shop.try_open(&Opening { claim, ..opening(cap) }).unwrap();
            let status = ledger.status().unwrap();
            assert_eq!((status.cap, status.claim), (loss(100, 10), self::claim()));
            assert_eq!(ledger.reserve(&request(loss(101, 0))).unwrap_err().code(), "ledger.exhausted");
            assert_eq!(ledger.reserve(&request(loss(1, 11))).unwrap_err().code(), "ledger.exhausted");
        }
    }
    let tighter = loss(130, 10);
    let head = shop.open(tighter).raise(tighter, claim(), "a tighter accountant", ["Ada", "Grace"]).unwrap();
    assert_eq!((head.seq, shop.open(tighter).status().unwrap().remaining_in_year.rho_nano), (2, 130));
}

#[test]
fn a_lower_cap_in_a_spec_holds_for_its_session_only() {
    let shop = Shop::new();
    let _a = shop.open(loss(100, 10)).reserve(&request(loss(30, 0))).unwrap();
    let mut low = shop.open(loss(50, 10));
    assert_eq!(low.status().unwrap().remaining_in_year.rho_nano, 20);
    assert_eq!(low.reserve(&request(loss(21, 0))).unwrap_err().code(), "ledger.exhausted");
    assert_eq!(shop.open(loss(100, 10)).status().unwrap().remaining_in_year.rho_nano, 70);
    assert_eq!(shop.open(loss(20, 10)).status().unwrap().remaining_in_year.rho_nano, 0);
}

#[test]
fn a_raise_needs_a_reason_and_two_people_and_must_raise() {
    let shop = Shop::new();
    let mut ledger = shop.open(loss(100, 10));
    let more = loss(200, 10);
    for (reason, people) in
        [("", ["Ada", "Grace"]), (" ", ["Ada", "Grace"]), ("r", ["Ada", "ADA "]), ("r", ["Ada", ""])]
    {
        assert_eq!(ledger.raise(more, claim(), reason, people).unwrap_err().code(), "ledger.bad-request");
    }
    for cap in [loss(100, 10), loss(99, 10), loss(200, 9), loss(99, 11)] {
        assert_eq!(ledger.raise(cap, claim(), "r", ["Ada", "Grace"]).unwrap_err().code(), "ledger.not-a-raise");
    }
    assert_eq!(ledger.status().unwrap().seq, 1);
    ledger.raise(more, claim(), "a second brand", ["Ada", "Grace"]).unwrap();
    // The spec of this session still says 100.
    assert_eq!(ledger.status().unwrap().cap, loss(100, 10));
    assert_eq!(shop.open(more).status().unwrap().remaining_in_year.rho_nano, 200);
}

#[test]
fn another_population_has_another_ledger() {
    let shop = Shop::new();
    drop(shop.open(loss(100, 0)));
    let renamed = shop.folder.path().join("fresh.ledger");
    std::fs::rename(shop.path(), &renamed).unwrap();
    let other = Opening { population: "shop 2".into(), ..opening(loss(100, 0)) };
    let error = Ledger::open(&renamed, &other).err().unwrap();
    assert_eq!(error.code(), "ledger.other-population");
    assert!(error.to_string().contains("\"shop\"") && error.to_string().contains("\"shop 2\""));
}

#[test]
fn a_reservation_is_confirmed_once_and_by_its_own_ledger() {
    let (shop, other) = (Shop::new(), Shop::new());
    let mut ledger = shop.open(loss(100, 0));
    let mine = ledger.reserve(&request(loss(1, 0))).unwrap().reservation();
    let theirs = other.open(loss(100, 0)).reserve(&request(loss(1, 0))).unwrap().reservation();
    let genesis = Reservation { seq: 1, head: ledger.state.borrow().hash_of(1).unwrap().into(), ..mine.clone() };
    let zero = Reservation { seq: 0, ..mine.clone() };
    let late = Reservation { seq: 9, ..mine.clone() };
    let forged = Reservation { head: "0".repeat(64), ..mine.clone() };
    for wrong in [theirs, genesis, zero, late, forged] {
        let error = ledger.confirm(&wrong, &confirmation(json!(1))).unwrap_err();
        assert_eq!(error.code(), "ledger.unknown-reservation");
    }
    let head = ledger.confirm(&mine, &confirmation(json!(1))).unwrap();
    assert!(ledger.contains_head(head.seq, &head.hash).unwrap());
    assert_eq!(ledger.confirm(&mine, &confirmation(json!(1))).unwrap_err().code(), "ledger.already-confirmed");
}

#[test]
fn the_next_run_finds_the_last_model_and_its_release() {
    let shop = Shop::new();
    let mut ledger = shop.open(loss(100, 0));
    assert_eq!(ledger.last_model().unwrap(), None);
    for number in 1..=2 {
        let permit = ledger.reserve(&request(loss(1, 0))).unwrap();
        ledger.confirm(&permit.reservation(), &confirmation(json!({"number": number, "at": [0.1, -2.5e-3]}))).unwrap();
    }
    let again = shop.open(loss(100, 0));
    assert_eq!(again.last_model().unwrap(), Some(json!({"number": 2, "at": [0.1, -2.5e-3]})));
    assert!(again.release_known(&"b".repeat(64)).unwrap());
    assert!(!again.release_known(&"c".repeat(64)).unwrap());
    let status = again.status().unwrap();
    assert_eq!((status.reservations, status.releases), (2, 2));
}

#[test]
fn an_answered_request_is_never_drawn_again() {
    let shop = Shop::new();
    let mut ledger = shop.open(loss(100, 0));
    let july = Request { request_id: Some("july".into()), ..request(loss(1, 0)) };
    // A run that died: its loss is gone, its request is not answered.
    let _died = ledger.reserve(&july).unwrap();
    assert_eq!(ledger.confirmed("july").unwrap(), None);
    let permit = ledger.reserve(&july).unwrap();
    ledger.confirm(&permit.reservation(), &confirmation(json!(null))).unwrap();
    let found = shop.open(loss(100, 0)).confirmed("july").unwrap().unwrap();
    assert_eq!((found.reservation, found.release_path.as_str()), (permit.reservation(), "releases/1"));
    let spent = ledger.status().unwrap().spent_in_year;
    assert_eq!(ledger.reserve(&july).unwrap_err().code(), "ledger.already-released");
    assert_eq!(ledger.status().unwrap().spent_in_year, spent);
}

#[test]
fn a_request_is_answered_by_the_reservation_that_was_confirmed() {
    let shop = Shop::new();
    let mut ledger = shop.open(loss(100, 0));
    let named = |id: &str| Request { request_id: Some(id.into()), ..request(loss(1, 0)) };
    // Two runs for one request at once, the later one done first; and one for another.
    let [first, second, other] = ["july", "july", "august"].map(|id| ledger.reserve(&named(id)).unwrap().reservation());
    for reservation in [&second, &other] {
        ledger.confirm(reservation, &confirmation(json!(null))).unwrap();
    }
    assert_eq!(ledger.confirmed("july").unwrap().unwrap().reservation, second);
    let late = ledger.confirm(&first, &confirmation(json!(null))).unwrap_err();
    assert_eq!(late.code(), "ledger.already-released");
    for ledger in [ledger, shop.open(loss(100, 0))] {
        assert_eq!(ledger.confirmed("july").unwrap().unwrap().reservation, second);
        assert_eq!(ledger.confirmed("august").unwrap().unwrap().reservation, other);
        assert_eq!(ledger.confirmed("june").unwrap(), None);
        assert_eq!(ledger.status().unwrap().releases, 2);
    }
}

#[test]
fn a_request_that_cannot_be_recorded_spends_nothing() {
    let shop = Shop::new();
    let mut ledger = shop.open(loss(100, 0));
    let good = request(loss(1, 0));
    let bad = [
        Request { spec_sha256: "A".repeat(64), ..good.clone() },
        Request { spec_sha256: "a".repeat(63), ..good.clone() },
        Request { purpose: " ".into(), ..good.clone() },
        Request { request_id: Some(String::new()), ..good.clone() },
    ];
    for request in bad {
        assert_eq!(ledger.reserve(&request).unwrap_err().code(), "ledger.bad-request");
    }
    let mine = ledger.reserve(&good).unwrap().reservation();
    let deep = (0..200).fold(json!(null), |inner, _| json!([inner]));
    assert_eq!(ledger.confirm(&mine, &confirmation(deep)).unwrap_err().code(), "ledger.bad-request");
    assert_eq!(Ledger::verify(&shop.path()).unwrap().events, 2);
}

#[test]
fn two_threads_cannot_overspend() {
    let shop = Shop::new();
    let cap = 61;
    drop(shop.open(loss(cap, 0)));
    let granted: Vec<Reservation> = thread::scope(|scope| {
        let work = || {
            // Each opens the file for itself, as another process would.
            let mut ledger = shop.open(loss(cap, 0));
            let mut mine = Vec::new();
            for _ in 0..12 {
                match ledger.reserve(&request(loss(1, 0))) {
                    Ok(permit) => mine.push(permit.reservation()),
                    Err(error) => assert_eq!(error.code(), "ledger.exhausted"),
                }
            }
            mine
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(granted.len() as u64, cap);
    assert_eq!(granted.iter().map(|permit| permit.seq).collect::<BTreeSet<_>>().len() as u64, cap);
    let status = Ledger::open_existing(&shop.path()).unwrap().status().unwrap();
    assert_eq!((status.spent_in_life.rho_nano, status.reservations), (cap, cap));
}

#[test]
fn two_that_create_at_once_end_with_one_genesis() {
    let shop = Shop::new();
    let ids: BTreeSet<String> = thread::scope(|scope| {
        let open = || shop.open(loss(1, 0)).status().unwrap().ledger_id;
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), 1);
    assert_eq!(Ledger::verify(&shop.path()).unwrap().events, 1);
    assert_eq!(std::fs::read_dir(shop.folder.path()).unwrap().count(), 1, "no draft is left over");
}
