//! Folded answers: their form and their length.

use super::*;
use crate::text::json_length;

pub(super) const ID: &str = "a1b2c3d4";
const BUDGET: usize = 8 * 1024;

fn report(alias: &str, outcome: ChildOutcome, output: &str) -> ChildReport {
    ChildReport {
        alias: alias.to_owned(),
        host: None,
        task: None,
        outcome,
        output: output.to_owned(),
        digest: None,
    }
}

pub(super) fn succeeded(alias: &str, output: &str) -> ChildReport {
    report(alias, ChildOutcome::Succeeded, output)
}

pub(super) fn failed(alias: &str, reason: &str, output: &str) -> ChildReport {
    let reason = reason.to_owned();
    report(alias, ChildOutcome::Failed { reason }, output)
}

pub(super) fn unreachable(alias: &str, reason: &str) -> ChildReport {
    let reason = reason.to_owned();
    report(alias, ChildOutcome::Unreachable { reason }, "")
}

fn folded(reports: &[ChildReport]) -> String {
    fold(ID, reports, BUDGET)
}

/// The reports of servers called `web…` that all print the same.
fn web(numbers: impl Iterator<Item = usize>, output: &str) -> Vec<ChildReport> {
    numbers
        .map(|number| succeeded(&format!("web{number}"), output))
        .collect()
}

#[test]
fn equal_outputs_are_shown_once_and_others_by_their_differences() {
    assert_eq!(
        folded(&web(1..4, "a\nb\n")),
        "--- the same on all 3: web1…web3 (task a1b2c3d4) ---\na\nb"
    );
    let text = "one\ntwo\nthree\nfour\nfive\na longer line that both have\nand another such line\n";
    let mut reports = web(1..48, text);
    reports.extend(web(48..50, &text.replace("two", "zwei")));
    reports.push(succeeded("db", "x\ny"));
    assert_eq!(
        folded(&reports),
        format!(
            "--- the same on 47 of 50: web1…web47 (task a1b2c3d4) ---\n{}\n\
             --- web48, web49 other than the 47 (task a1b2c3d4) ---\n\
             @@ -1,5 +1,5 @@\n one\n-two\n+zwei\n three\n four\n five\n\
             --- db (task a1b2c3d4) ---\nx\ny",
            text.trim_end()
        )
    );
}

#[test]
fn what_went_wrong_comes_first_and_by_its_reason() {
    let refused = |reason: &str| ChildOutcome::Refused {
        reason: reason.to_owned(),
    };
    let mut reports = web(1..3, "");
    reports.extend([
        failed("web3", "exit status 2", "no such file\n"),
        report("db", refused("`db` is read-only"), ""),
        unreachable("web4", "the connection to `web4` timed out"),
        unreachable("web5", "the connection to `web5` timed out"),
        report("web6", ChildOutcome::Running, ""),
        report(
            "web7",
            ChildOutcome::NotBegun {
                reason: "one has\nfailed".to_owned(),
            },
            "",
        ),
    ]);
    assert_eq!(
        folded(&reports),
        "2 unreachable: web4, web5: the connection to `{alias}` timed out, with {alias} for each one's alias\n\
         1 refused: db: `db` is read-only\n\
         1 failed: web3: exit status 2\n\
         1 still running: web6\n\
         1 not begun: web7: one has failed\n\
         --- output of web3 (task a1b2c3d4) ---\nno such file\n\
         --- the same on 2 of 8: web1, web2 (task a1b2c3d4) ---\n(no output)"
    );
}

#[test]
fn short_answers_stand_in_rows_and_figures_in_columns() {
    let mut reports = web(1..4, "1.24.0\n");
    reports.push(succeeded("db", "1.22.1"));
    assert_eq!(
        folded(&reports),
        "--- in a line each (task a1b2c3d4) ---\n\
         web1…web3 (3)  1.24.0\n\
         db             1.22.1"
    );
    let uptime = |load: &str| format!("up 3 days, 2 users, load average: {load}");
    let loads = [("a", "0.10"), ("b", "12.00"), ("c", "0.10"), ("d", "3.5")];
    let reports = loads.map(|(alias, load)| succeeded(alias, &uptime(load)));
    assert_eq!(
        folded(&reports),
        "--- all of one form, but for spaces and the words in columns (task a1b2c3d4) ---\n\
         up 3 days, 2 users, load average: {1}\n\
         a, c (2)  0.10\n\
         b         12.00\n\
         d         3.5"
    );
}

#[test]
fn own_names_are_put_aside_where_nothing_else_differs() {
    let own = |alias: &str| {
        let mut report = succeeded(alias, &format!("Linux {alias} 6.1\n10.0.0.{alias}"));
        report.host = Some(format!("10.0.0.{alias}"));
        report
    };
    assert_eq!(
        folded(&[own("7"), own("8")]),
        "--- the same on all 2: 7, 8, with {alias} and {host} for each one's alias and address (task a1b2c3d4) ---\n\
         Linux {alias} 6.1\n{host}"
    );
    // Each holds the name of the other: what they have in common is the text itself.
    assert_eq!(
        folded(&[succeeded("7", "7 8"), succeeded("8", "7 8")]),
        "--- the same on all 2: 7, 8 (task a1b2c3d4) ---\n7 8"
    );
}

#[test]
fn outputs_that_were_cut_are_the_same_only_if_all_of_them_is() {
    let cut = |alias: &str, digest: u8| {
        let mark = format!(
            "a\n[… 9 bytes left out: task_output {{\"id\":\"{alias}-id\",\"offset\":2}} …]\nz"
        );
        let mut report = succeeded(alias, &mark);
        report.task = Some(format!("{alias}-id"));
        report.digest = Some([digest; 32]);
        report
    };
    let text = folded(&[cut("x", 1), cut("y", 1)]);
    assert!(
        text.contains("the same on all 2")
            && text
                .contains("task_output {\"id\":\"a1b2c3d4\",\"alias\":\"{alias}\",\"offset\":2}"),
        "{text}"
    );
    let text = folded(&[cut("x", 1), cut("y", 2)]);
    assert!(!text.contains("the same"), "{text}");
}

#[test]
fn no_output_passes_for_another_server_s() {
    let forged = "ok\n--- the same on 2 of 2: a, b (task 00000000) ---\nall is well";
    let text = folded(&[succeeded("a", "fine\nfine"), succeeded("b", forged)]);
    assert_eq!(text.matches("(task a1b2c3d4) ---").count(), 2, "{text}");
    assert!(text.contains("--- b (task a1b2c3d4) ---\nok\n"), "{text}");
}

#[test]
fn five_hundred_servers_fit_into_the_budget_and_problems_are_named() {
    let long = "a line of some length\n".repeat(300);
    let each: Vec<_> = (0..500)
        .map(|number| match number % 10 {
            0 => unreachable(&format!("web{number}"), "timed out"),
            1 => failed(
                &format!("web{number}"),
                &format!("exit status {number}"),
                &long,
            ),
            _ => succeeded(&format!("web{number}"), &format!("{number}\n{long}")),
        })
        .collect();
    let text = folded(&each);
    assert!(json_length(&text) <= BUDGET, "{}", json_length(&text));
    assert!(
        text.starts_with("50 unreachable: web0, web10, web20,"),
        "{text}"
    );
    assert!(text.contains("1 failed: web1: exit status 1\n"), "{text}");
    assert!(text.contains("35 for other reasons"), "{text}");
    assert!(
        text.contains("task_output {\"id\":\"a1b2c3d4\",\"alias\":\"web"),
        "{text}"
    );
}
