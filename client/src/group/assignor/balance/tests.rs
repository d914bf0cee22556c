//! The balance: even, with few moves, in few steps.

use super::*;

/// Numbers that look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % count
    }

    fn problem(&mut self, members_max: usize, classes_max: usize, pieces_max: usize) -> Problem {
        let member_count = 1 + self.below(members_max);
        let class = |dice: &mut Self| {
            let mut members: Vec<usize> =
                (0..member_count).filter(|_| dice.below(2) == 0).collect();
            if members.is_empty() {
                members.push(dice.below(member_count));
            }
            Class { members }
        };
        let classes: Vec<Class> = (0..=self.below(classes_max)).map(|_| class(self)).collect();
        let piece = |dice: &mut Self| {
            let class = dice.below(classes.len());
            let members = &classes[class].members;
            let home = (dice.below(3) > 0).then(|| members[dice.below(members.len())]);
            Piece { class, home, nearby: Vec::new() }
        };
        let pieces = (0..self.below(pieces_max + 1)).map(|_| piece(self)).collect();
        Problem { member_count, classes, pieces }
    }
}

/// How uneven an assignment is, and how many pieces are away from home.
fn price(problem: &Problem, owners: &[usize]) -> (usize, usize) {
    let mut loads = vec![0; problem.member_count];
    let mut moves = 0;
    for (piece, owner) in problem.pieces.iter().zip(owners) {
        assert!(problem.classes[piece.class].members.contains(owner));
        loads[*owner] += 1;
        moves += usize::from(piece.home.is_some_and(|home| home != *owner));
    }
    (loads.iter().map(|load| load * load).sum(), moves)
}

/// The best price of all.
fn best(problem: &Problem, owners: &mut Vec<usize>) -> (usize, usize) {
    let Some(piece) = problem.pieces.get(owners.len()) else { return price(problem, owners) };
    let price = |member: &usize| {
        owners.push(*member);
        let price = best(problem, owners);
        owners.pop();
        price
    };
    problem.classes[piece.class].members.iter().map(price).min().unwrap()
}

#[test]
fn it_is_as_even_as_any_with_as_few_moves() {
    let mut dice = Dice(1);
    for round in 0..3_000 {
        let problem = dice.problem(4, 4, 7);
        let found = balance(&problem);
        assert!(found.is_level);
        let (price, best) = (price(&problem, &found.owners), best(&problem, &mut Vec::new()));
        assert_eq!(price, best, "round {round}: {problem:?} {found:?}");
    }
}

#[test]
fn what_is_balanced_stays_as_it_is() {
    let mut dice = Dice(2);
    for round in 0..500 {
        let mut problem = dice.problem(12, 10, 120);
        let first = balance(&problem).owners;
        for (piece, owner) in problem.pieces.iter_mut().zip(&first) {
            piece.home = Some(*owner);
        }
        assert_eq!(balance(&problem).owners, first, "round {round}");
    }
}

/// Members with equal subscriptions: all that is wrong are the loads.
fn even(member_count: usize, homes: impl Iterator<Item = Option<usize>>) -> Problem {
    let classes = vec![Class { members: (0..member_count).collect() }];
    let pieces = homes.map(|home| Piece { class: 0, home, nearby: Vec::new() }).collect();
    Problem { member_count, classes, pieces }
}

#[test]
fn who_comes_gets_a_share_and_who_goes_leaves_one() {
    let twenty_thousand = || (0..20_000).map(|piece| Some(piece % 199));
    let found = balance(&even(200, twenty_thousand()));
    let moved = |found: &Solution| price(&even(200, twenty_thousand()), &found.owners).1;
    assert_eq!(moved(&found), 100, "one of 200 comes");
    let gone = twenty_thousand().map(|home| home.filter(|home| *home != 198));
    let found = balance(&even(198, gone.clone()));
    assert_eq!(price(&even(198, gone), &found.owners).1, 0, "one of 199 goes");
}

#[test]
fn large_groups_take_few_steps() {
    let count = |problem: &Problem| {
        let found = balance(problem);
        assert!(found.is_level);
        found.steps
    };
    // Fresh; all with one member, and 199 come; one comes.
    assert_eq!(count(&even(200, (0..20_000).map(|_| None))), 200);
    assert!(count(&even(200, (0..20_000).map(|_| Some(0)))) < 10_000_000);
    assert!(count(&even(200, (0..20_000).map(|piece| Some(piece % 199)))) < 100_000);
    // Two thousand topics of ten partitions, each with readers of its own; half of them come anew.
    let mut dice = Dice(3);
    let readers = |dice: &mut Dice| {
        let mut members: Vec<usize> = (0..200).filter(|_| dice.below(2) == 0).collect();
        members.push(199);
        members.dedup();
        Class { members }
    };
    let classes: Vec<Class> = (0..2_000).map(|_| readers(&mut dice)).collect();
    let piece = |piece: usize| {
        let class = piece % 2_000;
        let members = &classes[class].members;
        let home = Some(members[dice.below(members.len() / 2)]);
        Piece { class, home, nearby: Vec::new() }
    };
    let pieces = (0..20_000).map(piece).collect();
    let problem = Problem { member_count: 200, classes: classes.clone(), pieces };
    let steps = count(&problem);
    assert!(steps < 150_000_000, "{steps}");
}

#[test]
fn the_rack_decides_where_loads_leave_a_choice() {
    // Members 0, 1 and 2 in racks of their own; pieces with a replica in one rack.
    let classes = vec![Class { members: vec![0, 1, 2] }];
    let piece = |rack: usize| Piece { class: 0, home: None, nearby: vec![rack] };
    let pieces = [2, 2, 1, 0, 1, 0].map(piece).into();
    let problem = Problem { member_count: 3, classes, pieces };
    assert_eq!(balance(&problem).owners, [2, 2, 1, 0, 1, 0]);
    // Evenness comes first.
    let pieces = [2, 2, 2, 2, 2, 0].map(piece).into();
    let found = balance(&Problem { pieces, ..problem });
    assert_eq!(price(&even(3, (0..6).map(|_| None)), &found.owners).0, 12, "{found:?}");
    assert_eq!(found.owners[5], 0);
}
