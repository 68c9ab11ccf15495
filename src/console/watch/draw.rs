//! The screen, made of the scene.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Paragraph, Row, Table, TableState, Wrap};

use super::keys::HELP;
use super::scene::{PersonAct, WatchScene};
use crate::approval::PersonQuestion;
use crate::console::tasks::when;
use crate::held::HoldScope;
use crate::job::Status;
use crate::readable::readable;
use crate::sync::lock;
use crate::time::brief;

/// The most lines that servers and questions take.
const SERVER_LINES: u16 = 10;
const QUESTION_LINES: u16 = 12;

/// Draws everything.
pub(super) fn screen(frame: &mut Frame<'_>, scene: &WatchScene) {
    let lines = |count: usize, most: u16| u16::try_from(count).unwrap_or(most).min(most);
    let servers = lines(scene.servers.len() + 2, SERVER_LINES);
    let questions = if scene.questions.is_empty() {
        0
    } else {
        QUESTION_LINES
    };
    let parts = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(questions),
        Constraint::Length(servers),
        Constraint::Fill(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ]);
    let [head, asked, servers, tasks, output, foot] = parts.areas(frame.area());
    draw_head(frame, scene, head);
    if !scene.questions.is_empty() {
        draw_question(frame, scene, asked);
    }
    draw_servers(frame, scene, servers);
    draw_tasks(frame, scene, tasks);
    draw_output(frame, scene, output);
    draw_foot(frame, scene, foot);
}

fn draw_head(frame: &mut Frame<'_>, scene: &WatchScene, area: Rect) {
    let running = scene.tasks.iter().filter(|task| task.status.is_live());
    let counts = format!(
        " {} servers, {} tasks run ",
        scene.servers.len(),
        running.count()
    );
    let all = scene
        .holds
        .iter()
        .find(|(scope, _)| *scope == HoldScope::All);
    let line = match all {
        Some((_, hold)) => {
            let told = format!("{counts} HELD by {}: nothing new begins ", hold.by);
            Line::from(told).style(Style::new().white().on_red())
        }
        None => Line::from(counts).style(Modifier::REVERSED),
    };
    frame.render_widget(Paragraph::new(line), area);
}

fn draw_question(frame: &mut Frame<'_>, scene: &WatchScene, area: Rect) {
    let asked = scene.asked.as_ref();
    let mut questions = scene.questions.iter();
    let chosen = questions.find(|(id, _)| Some(id) == asked);
    let shown = chosen.or(scene.questions.first());
    let keys = if chosen.is_some() {
        "y yes, n no"
    } else {
        "Tab to answer"
    };
    let title = format!(" {} wait for your answer: {keys} ", scene.questions.len());
    let block = Block::bordered().title(title).border_style(Color::Yellow);
    let text = shown.map(|(_, question)| question_text(question));
    let text = Paragraph::new(text.unwrap_or_default()).wrap(Wrap { trim: false });
    frame.render_widget(text.block(block), area);
}

fn question_text(question: &PersonQuestion) -> Text<'static> {
    let shown = |text: &str| readable(text).into_owned();
    let mut lines = vec![Line::from(shown(&question.text)).bold()];
    let by = question.asked_by.as_ref().map(ToString::to_string);
    let facts = [
        ("rule", question.rule.clone()),
        ("reason", question.reason.clone()),
        ("asked by", by),
        ("open for", Some(brief(question.time_left()))),
    ];
    let facts = facts.into_iter();
    let facts = facts.filter_map(|(name, fact)| Some(format!("{name}: {}", shown(&fact?))));
    lines.push(facts.collect::<Vec<_>>().join("   ").into());
    lines.extend(shown(&question.details).lines().map(|line| {
        let colour = match line.as_bytes() {
            [b'+', ..] => Color::Green,
            [b'-', ..] => Color::Red,
            _ => Color::Reset,
        };
        Line::from(line.to_owned()).fg(colour)
    }));
    lines.into()
}

fn draw_servers(frame: &mut Frame<'_>, scene: &WatchScene, area: Rect) {
    let rows = scene.servers.iter().map(|alias| {
        let sampled = scene.samples.get(alias);
        let is_held = |(scope, _): &(HoldScope, _)| *scope == HoldScope::Server(alias.clone());
        let state = match sampled {
            _ if scene.holds.iter().any(is_held) => "held",
            None => "not asked",
            Some(server) if server.problem.is_some() => "no answer",
            Some(_) => "answers",
        };
        let figures = sampled.and_then(|server| server.samples.last());
        let figures = figures.map(|sample| sample.figures).unwrap_or_default();
        let percent = |value: u64| format!("{value} %");
        let has_figures = sampled.is_some_and(|server| !server.samples.is_empty());
        Row::new([
            alias.clone(),
            state.to_owned(),
            figures
                .load
                .map(|load| format!("load {load}"))
                .unwrap_or_default(),
            if has_figures {
                format!("memory {}", percent(figures.memory))
            } else {
                String::new()
            },
            figures
                .disk
                .map(|disk| format!("disk {}", percent(disk)))
                .unwrap_or_default(),
        ])
    });
    let widths = [20, 10, 12, 14, 12].map(Constraint::Length);
    let table = Table::new(rows, widths).block(Block::bordered().title(" servers "));
    frame.render_widget(table, area);
}

fn draw_tasks(frame: &mut Frame<'_>, scene: &WatchScene, area: Rect) {
    let rows = scene.tasks.iter().map(|task| {
        let exit = task.exit_code.filter(|code| *code != 0);
        let exit = exit.map(|code| format!(" {code}")).unwrap_or_default();
        let error = task.error.as_ref().map(|error| format!(" ({error})"));
        Row::new([
            Text::from(task.id.to_string()),
            Text::from(format!("{}{exit}", task.status)).fg(colour_of(task.status)),
            Text::from(task.alias.clone()),
            Text::from(when(task)),
            Text::from(format!("{}{}", task.command, error.unwrap_or_default())),
        ])
    });
    let widths = [
        Constraint::Length(8),
        Constraint::Length(12),
        Constraint::Length(16),
        Constraint::Length(12),
        Constraint::Fill(1),
    ];
    let table = Table::new(rows, widths)
        .row_highlight_style(Modifier::REVERSED)
        .block(Block::bordered().title(" tasks "));
    let mut place = TableState::new().with_selected(scene.place());
    frame.render_stateful_widget(table, area, &mut place);
}

fn draw_output(frame: &mut Frame<'_>, scene: &WatchScene, area: Rect) {
    let id = scene.selected_task().map(|task| task.id.to_string());
    let title = format!(" what {} has printed ", id.as_deref().unwrap_or("no task"));
    let room = usize::from(area.height.saturating_sub(2));
    let lines: Vec<_> = scene.output.lines().collect();
    let last = &lines[lines.len().saturating_sub(room)..];
    let text: Vec<_> = last
        .iter()
        .map(|line| Line::from(line.replace('\t', "    ")))
        .collect();
    let block = Block::bordered().title(title);
    frame.render_widget(Paragraph::new(text).block(block), area);
}

fn draw_foot(frame: &mut Frame<'_>, scene: &WatchScene, area: Rect) {
    let told = lock(&scene.told).clone();
    let line = match &scene.unconfirmed {
        Some(act) => Line::from(format!(
            "{}? y does it, any other key does not",
            question_of(act)
        ))
        .style(Style::new().white().on_red()),
        None if told.is_empty() => Line::from(HELP).dim(),
        None => Line::from(told.lines().next().unwrap_or_default().to_owned()),
    };
    frame.render_widget(Paragraph::new(line), area);
}

fn question_of(act: &PersonAct) -> String {
    match act {
        PersonAct::Cancel(id) => format!("Stop task {id}"),
        PersonAct::Hold => "Stop everything, and let nothing new begin".to_owned(),
        PersonAct::Release => "Let everything that is held begin again".to_owned(),
    }
}

fn colour_of(status: Status) -> Color {
    match status {
        Status::Pending | Status::Running => Color::Cyan,
        Status::Completed => Color::Green,
        Status::Partial | Status::Cancelled => Color::Yellow,
        Status::Failed | Status::Crashed => Color::Red,
    }
}
