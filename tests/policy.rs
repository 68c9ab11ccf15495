//! The table of verdicts, and texts that mean harm to the judge itself.

use mcp_sftp_orchestrator::policy::{DEFAULT_BLOCKLIST, Pattern, Policy};

fn rules(texts: &[&str]) -> Vec<Pattern> {
    let parsed = texts.iter().map(|text| Pattern::parse(text));
    parsed.collect::<Result<_, _>>().expect("rules are rules")
}

/// The verdict in the table's words.
fn verdict(policy: &Policy, text: &str) -> String {
    match policy.judge(text) {
        Ok(()) => "pass".into(),
        Err(refusal) => refusal
            .rule
            .map_or("refuse".into(), |rule| format!("block {rule}")),
    }
}

/// The rows of a table that are wrong, after how many there are.
fn judged(table: &str) -> (usize, Vec<String>) {
    let mut policy = Policy::new(rules(DEFAULT_BLOCKLIST), Vec::new());
    let mut allow = Vec::new();
    let (mut rows, mut wrong) = (0, Vec::new());
    for (number, line) in table.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with('[') {
            allow.clear();
            policy = Policy::new(rules(DEFAULT_BLOCKLIST), Vec::new());
        } else if let Some(rule) = line.strip_prefix("allow ") {
            allow.push(rule);
            policy = Policy::new(rules(DEFAULT_BLOCKLIST), rules(&allow));
        } else {
            // The rule of the fork bomb holds no separator with spaces around it.
            let (expected, text) = line
                .split_once(" :: ")
                .or_else(|| line.strip_suffix(" ::").map(|expected| (expected, "")))
                .expect("a row has a separator");
            let given = verdict(&policy, &text.replace('⏎', "\n").replace('⇥', "\t"));
            rows += 1;
            if given != expected {
                wrong.push(format!(
                    "{}: {text}\n   expected {expected}\n   got      {given}",
                    number + 1
                ));
            }
        }
    }
    (rows, wrong)
}

fn holds(table: &str, least: usize) {
    let (rows, wrong) = judged(table);
    assert!(rows > least, "{rows} rows");
    assert!(
        wrong.is_empty(),
        "{} of {rows} rows are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_table() {
    holds(include_str!("data/policy-table.txt"), 600);
}

#[test]
fn what_hides_is_found_and_its_neighbours_pass() {
    holds(include_str!("data/policy-evasions.txt"), 900);
}

#[test]
fn each_default_rule_has_a_row() {
    let tables = [
        include_str!("data/policy-table.txt"),
        include_str!("data/policy-evasions.txt"),
    ];
    let mut rules = DEFAULT_BLOCKLIST.to_vec();
    rules.retain(|rule| {
        let row = format!("\nblock {rule} :: ");
        !tables.iter().any(|table| table.contains(&row))
    });
    assert!(
        rules.is_empty(),
        "add lines that these refuse to tests/data/policy-table.txt: {rules:#?}"
    );
}

#[test]
fn what_operators_do_all_day_passes() {
    let table = include_str!("data/policy-operators.txt");
    assert!(!table.contains("\nblock") && !table.contains("\nrefuse"));
    holds(table, 300);
}

fn default() -> Policy {
    Policy::new(rules(DEFAULT_BLOCKLIST), Vec::new())
}

fn guarded() -> Policy {
    Policy::new(rules(DEFAULT_BLOCKLIST), rules(&["ls *", "docker ps *"]))
}

/// Judges on half the stack of a worker thread.
fn judge_on_small_stack(texts: Vec<String>) -> usize {
    let judging = move || {
        let policies = [default(), guarded()];
        let judged = texts
            .iter()
            .flat_map(|text| policies.iter().map(move |policy| policy.judge(text)));
        judged.filter(Result::is_err).count()
    };
    std::thread::Builder::new()
        .stack_size(1024 * 1024)
        .spawn(judging)
        .expect("a thread starts")
        .join()
        .expect("judging does not panic")
}

#[test]
fn hostile_texts_come_to_an_end() {
    let mut texts = Vec::new();
    let nests = [
        ("(", ")"),
        ("( ", " )"),
        ("((", "))"),
        ("{ ", "; }"),
        ("$(", ")"),
        ("echo $(", ")"),
        ("echo \"$(", ")\""),
        ("echo `", "`"),
        ("<(", ")"),
        ("${a:-", "}"),
        ("echo \"${a:-", "}\""),
        ("echo $((", "))"),
        ("if ", "; then ls; fi"),
        ("while ", "; do ls; done"),
        ("case x in x) ", ";; esac"),
        ("f() ", ""),
        ("f() { ", "; }"),
        ("sudo ", ""),
        ("eval ", ""),
        ("sh -c ", ""),
        ("! ", ""),
        ("time ", ""),
        ("coproc ", ""),
        ("a | ", ""),
        ("a && ", ""),
        ("a || ", ""),
        ("a=(", ")"),
        ("@(", ")"),
        ("{a,", "}"),
        ("{a,b}", ""),
        ("$a", ""),
        ("[", "]"),
        ("[[ ", " ]]"),
        ("\"", ""),
        ("'", ""),
        ("\\", ""),
        ("cat <<E\n", ""),
        ("$'", ""),
        ("xargs ", ""),
        ("env -S ", ""),
        ("find / -exec ", ""),
        ("ssh h ", ""),
        ("trap ", ""),
        ("x=$x$x; ", ""),
        ("for i in a b; do ", "; done"),
        ("f() { f; f; }; f; ", ""),
        ("a=1; ", ""),
        ("if a; then b=1; fi; ", ""),
        ("alias a=b; a; ", ""),
        ("function f { f; }; ", ""),
        ("{1..9}", ""),
        ("*", ""),
        ("/*", ""),
        ("/..", ""),
        ("../", ""),
        ("rm -rf /*", ""),
        ("~/", ""),
        ("export a$a=1;", ""),
        ("a & ", ""),
        ("&", ""),
        (";", ""),
        ("\n", ""),
        ("#", ""),
        ("${", ""),
        ("$((", ""),
        ("$((a) ", ""),
        ("$( (", ""),
        ("<<", ""),
        ("<<<", ""),
        (">", ""),
        ("2>&1 ", ""),
        ("rm -rf $a$b/$c ", ""),
        ("a\u{0}", ""),
        ("\u{f0000}", ""),
        ("\u{f0003}", ""),
        ("é{,", "}"),
        ("parallel {} ::: a ::: ", ""),
        ("echo 'a' | sh; ", ""),
        ("echo a | ", "sh"),
        ("${a[", "]}"),
        ("${a%", "}"),
        ("\"${a##", "}\""),
        ("${a/", "/b}"),
        ("${a//?/$a", "}"),
        ("${a:", ":1}"),
        ("${a:=", "}"),
        ("${!a", "}"),
        ("${#a", "}"),
        ("${a[$a", "]}"),
        ("a=$a$a; ${a^^}", ""),
        ("a+=($a b); ", ""),
        ("a[$a]=b; ", ""),
        ("declare -n a=b; ", ""),
        ("declare -A a=([x]=", ")"),
        ("set -- $a b; shift; ", ""),
        ("set -- \"$@\" \"$@\" x; ", ""),
        ("read a <<< $a; ", ""),
        ("while read a; do ", "; done"),
        ("while shift; do ", "; done"),
        ("mapfile a < <(", ")"),
        ("printf -v a %s%s $a $a; ", ""),
        ("x=$(dirname ", ")"),
        ("$(eval echo ", ")"),
        ("$(sh -c 'echo ", "')"),
        ("f() { echo $(f); }; $(f) ", ""),
        ("echo 'sh x' > x; sh x; ", ""),
        ("echo $(cat x) | tee x; ", ""),
        ("pushd /; ", ""),
        ("cd a; ", ""),
        ("mount --bind / /m; ", ""),
        ("ln -s / /m; ", ""),
        ("env -S 'env -S ", "'"),
        ("bash -c '$0' ", ""),
        ("tmux new ", ""),
        ("tmux if-shell a ", ""),
        ("gdb --args ", ""),
        ("git -c alias.a='!", "'"),
        ("docker run -v /:/h x ", ""),
        ("bwrap --bind / / ", ""),
        ("parallel {1}{2} ::: ", ""),
        ("((a = a + ", "))"),
        ("let a=", ""),
        ("$[", "]"),
        ("tr a-\u{10ffff} b <<< a | ", "cat"),
    ];
    for (open, close) in nests {
        for times in [1, 3, 40, 800] {
            let text = format!("{}ls /{}", open.repeat(times), close.repeat(times));
            if text.len() < 1_500_000 {
                texts.push(text);
            }
            if times <= 40 {
                texts.push(open.repeat(times));
                texts.push(format!("echo \"{}\"", open.repeat(times)));
            }
        }
    }
    // Definitions that call all before them.
    let mut functions = "f0() { ls; }; ".to_owned();
    for number in 1..200 {
        let calls = format!("f{} a; ", number - 1).repeat(3);
        functions.extend([format!("f{number}() {{ {calls} }}; ")]);
    }
    texts.push(functions + "f199");
    texts.push(format!("sh -c {}", "\\\\".repeat(100_000)));
    texts.push("x".repeat(1_100_000));
    texts.push("rm -rf /".to_owned() + &" x".repeat(600_000));
    texts.push((0..10_000).fold(String::new(), |all, one| all + &format!("v{one}=1\n")));
    texts.push((0..2_000).fold(String::new(), |all, one| {
        all + &format!("v{one}=1;if a;then b{one}=2;fi\n")
    }));
    texts.push(
        "for a in 1 2 3 4 5 6 7 8 9; do for b in $a$a $a $a $a; do ".repeat(10)
            + "rm $a$b$a$b"
            + &"; done; done".repeat(10),
    );
    let count = texts.len();
    // With an allow list, hardly any of them passes.
    assert!(judge_on_small_stack(texts) > count / 2);
}

/// The parts of random texts; `_` is a space.
const BITS: &str = "rm -rf / _ _ _ _ $ ( ) { } ` \" ' \\ \n ; | & < > << EOF * ? [ ] ~ = ! # , if then fi for in do \
    done case esac while function f x $x ${x :- sudo sh_-c eval xargs find_/_-exec echo printf %s cd \
    export [[ ]] (( )) $(( 0 2> <( \0 é \u{f0000} \u{f0003} docker_exec -- alias - . .. env_-S at \
    parallel ::: {} kubectl_exec trap $' ${x% ${x/ ${x: ${x[ ${x^^} ${!x} ${#x} @ [@]} += a=( \
    read_x <<< mapfile_a set_-- shift getopts_a:b let_ printf_-v_x dirname basename pushd_ popd tar_-C git_-C \
    tmux_new screen_-X_stuff gdb_-ex bwrap_--bind crontab_- tee_ cp_-t mkfs.ext4_-n iptables_-t IFS= $IFS $@ $* \
    $0 $1 declare_-n declare_-A local_ /tmp/x sh_/tmp/x cat_ ls_ rev tr_a-z_ seq_ expr_ %b \\x2f {a..z} {1..9} \
    ln_-s mount_--bind docker_run_-v /:/h systemd-run_-p";

#[test]
fn random_texts_do_no_harm() {
    let bits: Vec<_> = BITS.split(' ').collect();
    // A small generator of its own: a failure can be repeated.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).expect("31 bits fit") % below
    };
    let texts = (0..400)
        .map(|_| {
            (0..=next(40))
                .map(|_| bits[next(bits.len())].replace('_', " "))
                .collect()
        })
        .collect();
    assert!(judge_on_small_stack(texts) > 200);
}

/// Texts that are put together as a grammar says, so that most of them are read to their end.
struct Grammar(u64);

impl Grammar {
    fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits fit") % below
    }

    fn any(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    fn word(&mut self, depth: usize) -> String {
        const PLAIN: &[&str] = &[
            "/",
            "-rf",
            "etc",
            "/tmp/x",
            "*",
            "rm",
            "5",
            "-c",
            "--",
            "{}",
            "~",
            "..",
            "{a,b,c}",
            "{1..5}",
            "[a-z]*",
            "'a b'",
            "''",
            "a=b",
            "$x",
            "\"$y\"",
            "\"$@\"",
            "$*",
            "$1",
            "${x[@]}",
            "${x[0]}",
            "${!x}",
            "${#x}",
            "${x^^}",
            "${x:1:2}",
            "$((x + 1))",
            "$IFS",
        ];
        const AROUND: &[(&str, &str)] = &[
            ("${x:-", "}"),
            ("${x:=", "}"),
            ("${x%", "}"),
            ("\"${y##", "}\""),
            ("${x//", "/b}"),
            ("${y/a/", "}"),
            ("${x[", "]}"),
            ("x", "$y"),
        ];
        const LISTS: &[(&str, &str)] = &[
            ("$(", ")"),
            ("\"$(", ")\""),
            ("<(", ")"),
            ("'", "'"),
            ("`", "`"),
        ];
        let Some(deeper) = depth.checked_sub(1) else {
            return self.any(PLAIN).into();
        };
        match self.below(4) {
            0 => {
                let (open, close) = AROUND[self.below(AROUND.len())];
                format!("{open}{}{close}", self.word(deeper))
            }
            1 => {
                let (open, close) = LISTS[self.below(LISTS.len())];
                format!(
                    "{open}{}{close}",
                    self.list(deeper).replace(['\'', '`'], "")
                )
            }
            _ => self.any(PLAIN).into(),
        }
    }

    fn words(&mut self, depth: usize) -> String {
        (0..self.below(4)).map(|_| self.word(depth) + " ").collect()
    }

    fn command(&mut self, depth: usize) -> String {
        const BEFORE: &[&str] = &[
            "",
            "x=",
            "y+=",
            "x[1]=",
            "set -- ",
            "shift ",
            "cd ",
            "rm -rf ",
            "echo ",
            "f ",
            "read x y <<< ",
            "eval ",
            "bash -c ",
            "printf -v x %s ",
            "sh ",
            "xargs ",
            "declare -n y=",
            "declare -l x=",
            "sudo ",
            "env -S ",
            "parallel ",
            "tmux new ",
            "docker run -v /:/h x ",
            "git -C / clean -fd ",
            "su -c ",
            "ssh h ",
            "find / -exec ",
            "mapfile x < ",
            "let x=",
            "pushd ",
            "tee /tmp/f ",
            "ls ",
        ];
        let Some(deeper) = depth.checked_sub(1) else {
            return format!("{}{}", self.any(BEFORE), self.words(0));
        };
        let (one, other) = (self.list(deeper), self.list(deeper));
        match self.below(20) {
            0 => format!("if {one}; then {other}; fi"),
            1 => format!("while {one}; do {other}; done"),
            2 => format!("for x in {}; do {one}; done", self.words(deeper)),
            3 => format!("f() {{ {one}; }}"),
            4 => format!("( {one} )"),
            5 => format!("{{ {one}; }} | {{ {other}; }}"),
            6 => format!("{{ {one}; }} || {{ {other}; }}"),
            7 => format!("{{ {one}; }} > /tmp/f"),
            8 => format!("case {} in x) {one};; *) {other};; esac", self.word(deeper)),
            9 => format!("x=({})", self.words(deeper)),
            _ => format!("{}{}", self.any(BEFORE), self.words(deeper)),
        }
    }

    fn list(&mut self, depth: usize) -> String {
        let commands: Vec<_> = (0..=self.below(3)).map(|_| self.command(depth)).collect();
        commands.join("; ")
    }
}

#[test]
fn texts_of_a_grammar_do_no_harm() {
    let mut grammar = Grammar(0x9e37_79b9_7f4a_7c15);
    let texts: Vec<_> = (0..600)
        .map(|number| grammar.list(number % 4) + "\n" + &grammar.list(2))
        .collect();
    assert!(judge_on_small_stack(texts) > 400);
}

#[test]
fn texts_past_the_bounds_are_refused() {
    for text in [
        "x".repeat(300_000),
        "( ".repeat(100) + "ls" + &" )".repeat(100),
        "sudo ".repeat(100) + "ls",
        "ls \0".to_owned(),
        "echo ".to_owned() + &"{a,b}".repeat(12),
    ] {
        let refusal = default().judge(&text).expect_err("it is refused");
        assert_eq!(refusal.rule, None);
        assert!(!refusal.reason.is_empty() && !refusal.hint.is_empty());
    }
}

#[test]
fn a_refusal_says_what_and_how_else() {
    let refusal = default()
        .judge("ls; sudo rm -rf \"$DIR/\"; uptime")
        .expect_err("it is refused");
    assert_eq!(refusal.rule.as_deref(), Some("rm -r @system"));
    assert_eq!(refusal.part, "sudo rm -rf \"$DIR/\"");
    assert!(refusal.hint.contains("${DIR:?}"), "{}", refusal.hint);
    let refusal = guarded()
        .judge("docker ps | docker rm x")
        .expect_err("it is refused");
    assert_eq!((refusal.rule, &*refusal.part), (None, "docker rm x"));
    assert!(refusal.hint.contains("`docker ps *`"), "{}", refusal.hint);
    let refusal = guarded().judge("ls > /etc/x").expect_err("it is refused");
    assert!(
        refusal.reason.contains("write to a file"),
        "{}",
        refusal.reason
    );
}
