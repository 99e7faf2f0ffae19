//! Random rules, written as text in random order, against a model that knows only the lists (R7, R8).

use std::collections::BTreeMap;

use super::*;
use crate::rng::Rng;

/// What a random file says.
#[derive(Clone, Default)]
struct Model {
    roles: Vec<Rules>,
    start: Vec<(usize, usize)>,
    /// `None` is “members”.
    reply: Option<Vec<(usize, usize)>>,
}

#[derive(Clone, Default)]
struct Rules {
    rank: u64,
    attachments: Vec<&'static str>,
    calls: Vec<&'static str>,
    rights: Vec<&'static str>,
}

#[test]
fn r7_nothing_is_allowed_that_no_rule_names() {
    let mut rng = Rng::from_seed([42; 32]);
    let mut allowed = 0;
    for _ in 0..300 {
        let model = Model::random(&mut rng);
        let policy = Policy::from_toml(&model.text(&mut rng)).unwrap();
        for (from, to) in model.all_pairs() {
            for action in every_action() {
                let decision = policy.decide(&name(from), action, &name(to));
                assert_eq!(decision.is_allowed(), model.allows(from, action, to), "{from} {action:?} {to}");
                allowed += usize::from(decision.is_allowed());
            }
        }
    }
    assert!(allowed > 1_000, "the generator makes rules that allow something");
}

#[test]
fn r7_without_rules_nothing_is_allowed() {
    let model = Model { roles: vec![Rules::default(); 3], ..Model::default() };
    let policy = Policy::from_toml(&model.text(&mut Rng::from_seed([1; 32]))).unwrap();
    for (from, to) in model.all_pairs() {
        for action in every_action() {
            assert!(!policy.decide(&name(from), action, &name(to)).is_allowed());
        }
    }
}

#[test]
fn r8_texts_agree_in_their_id_when_they_agree_in_their_meaning() {
    let mut rng = Rng::from_seed([43; 32]);
    let mut meanings: BTreeMap<[u8; 32], Vec<u8>> = BTreeMap::new();
    for _ in 0..300 {
        let model = Model::random(&mut rng);
        let policies = [0; 2].map(|_| Policy::from_toml(&model.text(&mut rng)).unwrap());
        assert_eq!(policies[0].id(), policies[1].id());
        let meaning = meanings.entry(*policies[0].id().as_bytes()).or_insert_with(|| model.meaning());
        assert_eq!(*meaning, model.meaning(), "one id for two meanings");
    }
    assert!(meanings.len() > 200);
}

/// A different table of decisions is a different id: each single change of the preset has one of its own.
#[test]
fn r8_each_change_of_the_rules_is_another_id() {
    let preset = Policy::companion();
    let mut ids = vec![preset.id()];
    let changes = [
        ("escort = [\"support\"]", "escort = [\"support\", \"client\"]"),
        ("client = [\"escort\", \"support\"]", "client = [\"support\"]"),
        ("reply = \"members\"", ""),
        ("rank = 1", ""),
        ("calls = [\"voice\", \"video\"]", "calls = [\"voice\"]"),
        ("attachments = [\"image\", \"video\", \"voice\", \"file\"]", ""),
        ("rights = [\"remove_member\", \"delete_others\"]", "rights = [\"remove_member\"]"),
        ("name = \"client\"", "name = \"customer\""),
    ];
    for (from, to) in changes {
        let mut text = Policy::COMPANION_TOML.replacen(from, to, 1);
        if to.contains("customer") {
            text = text.replace("client =", "customer =").replace("[\"client\",", "[\"customer\",");
        }
        let id = Policy::from_toml(&text).unwrap().id();
        assert!(!ids.contains(&id), "{from} → {to}");
        ids.push(id);
    }
}

#[test]
fn r8_words_and_comments_are_no_other_policy() {
    let text = Policy::COMPANION_TOML.replace("\"an escort\"", "\"eine Begleitung\"").replace('#', "# ## ");
    let text = text.replace("rank = 1", "rank = 0x0a").replace("[start]\n", "[start]\n\n");
    assert_eq!(Policy::from_toml(&text).unwrap().id(), Policy::companion().id());
}

impl Model {
    fn random(rng: &mut Rng) -> Model {
        let count = 1 + rng.below(4) as usize;
        let attachments = AttachmentKind::ALL.map(AttachmentKind::name);
        let calls = CallKind::ALL.map(CallKind::name);
        let roles = (0..count).map(|_| Rules {
            rank: rng.below(3),
            attachments: some(rng, &attachments),
            calls: some(rng, &calls),
            rights: some(rng, &["remove_member", "delete_others"]),
        });
        let mut model = Model { roles: roles.collect(), ..Model::default() };
        model.start = some(rng, &model.all_pairs());
        let linked: Vec<_> = model.all_pairs().into_iter().filter(|&(a, b)| model.linked(a, b)).collect();
        model.reply = (rng.below(3) > 0).then(|| some(rng, &linked));
        model
    }

    fn all_pairs(&self) -> Vec<(usize, usize)> {
        (0..self.roles.len()).flat_map(|from| (0..self.roles.len()).map(move |to| (from, to))).collect()
    }

    fn linked(&self, one: usize, other: usize) -> bool {
        self.start.contains(&(one, other)) || self.start.contains(&(other, one))
    }

    fn allows(&self, from: usize, action: Action, to: usize) -> bool {
        let rules = &self.roles[from];
        let writes = match &self.reply {
            None => self.linked(from, to),
            Some(pairs) => pairs.contains(&(from, to)) || self.start.contains(&(from, to)),
        };
        let reaches = self.roles[to].rank <= rules.rank;
        match action {
            Action::Start => self.start.contains(&(from, to)),
            Action::Continue => self.linked(from, to),
            Action::Reply => writes,
            Action::Attach(kind) => writes && rules.attachments.contains(&kind.name()),
            Action::Call(kind) => writes && rules.calls.contains(&kind.name()),
            Action::RemoveMember => reaches && rules.rights.contains(&"remove_member"),
            Action::DeleteOthers => reaches && rules.rights.contains(&"delete_others"),
        }
    }

    /// Every decision, and the order of the ranks, which decides for roles that get a right later.
    fn meaning(&self) -> Vec<u8> {
        let mut meaning = vec![self.roles.len() as u8];
        for (from, to) in self.all_pairs() {
            meaning.extend(every_action().into_iter().map(|action| u8::from(self.allows(from, action, to))));
            meaning.push(u8::from(self.roles[from].rank <= self.roles[to].rank));
        }
        let own = |rules: &Rules| [rules.attachments.len(), rules.calls.len(), rules.rights.len()].map(|n| n as u8);
        meaning.extend(self.roles.iter().flat_map(own));
        meaning
    }

    /// The rules as TOML; sections, keys and entries in an order of chance.
    fn text(&self, rng: &mut Rng) -> String {
        let mut text = String::from("version = 1\n");
        if self.reply.is_none() {
            text += "reply = \"members\"\n";
        }
        let mut tables: Vec<String> = vec![rules("start", &self.start, rng)];
        tables.extend(self.reply.as_ref().map(|pairs| rules("reply", pairs, rng)));
        // The order of the roles has a meaning, that of the tables between them has none.
        for (at, rules) in self.roles.iter().enumerate() {
            if rng.below(2) == 0 {
                text.extend(tables.pop());
            }
            let mut lines = vec![
                format!("name = \"r{at}\"\n"),
                format!("singular = \"{}\"\n", rng.below(1_000)),
                format!("plural = \"{}\"\n", rng.below(1_000)),
                format!("attachments = {:?}\n", shuffled(rng, &rules.attachments)),
                format!("calls = {:?}\n", shuffled(rng, &rules.calls)),
                format!("rights = {:?}\n", shuffled(rng, &rules.rights)),
            ];
            lines.extend((rules.rank > 0 || rng.below(2) == 0).then(|| format!("rank = {}\n", rules.rank * 7)));
            text += "[[role]]\n";
            text.extend(shuffled(rng, &lines));
        }
        text.extend(tables);
        text
    }
}

fn rules(table: &str, pairs: &[(usize, usize)], rng: &mut Rng) -> String {
    let mut targets: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (from, to) in shuffled(rng, pairs) {
        targets.entry(from).or_default().push(format!("r{to}"));
    }
    let lines: Vec<String> = targets.iter().map(|(from, to)| format!("r{from} = {to:?}\n")).collect();
    format!("[{table}]\n{}", shuffled(rng, &lines).concat())
}

fn name(at: usize) -> Role {
    role(&format!("r{at}"))
}

fn some<T: Clone>(rng: &mut Rng, all: &[T]) -> Vec<T> {
    all.iter().filter(|_| rng.below(2) == 0).cloned().collect()
}

fn shuffled<T: Clone>(rng: &mut Rng, all: &[T]) -> Vec<T> {
    let mut all = all.to_vec();
    for at in (1..all.len()).rev() {
        all.swap(at, rng.below(at as u64 + 1) as usize);
    }
    all
}
