//! The space–time diagram as SVG: lanes from left to right, time from top to bottom.

use maud::{Markup, html};

use super::super::diagram::{Band, Carries, Diagram, Lane, Mark, Moment, Shape};
use super::milliseconds;

/// Pixels from lane to lane, from moment to moment, before the first lane and after the last.
const LANE: usize = 168;
const ROW: usize = 40;
const LEFT: usize = 130;
const RIGHT: usize = 90;
const HEAD: usize = 46;
/// Longest label, in characters; the whole of it is in its title.
const LABEL: usize = 44;
/// Fewer would say nothing.
const SHORTEST: usize = 12;
/// About the pixels of a character.
const CHARACTER: usize = 7;
/// Pixels of the times at the left.
const TIMES: usize = 70;

/// The diagram; each moment is a link to its event in the history below.
pub(super) fn drawing(finding: usize, diagram: &Diagram) -> Markup {
    let width = LEFT + diagram.lanes.len().saturating_sub(1) * LANE + RIGHT;
    let height = diagram.moments.len() * ROW + ROW / 2;
    html! {
        @if diagram.left_out > 0 {
            p.how { (diagram.left_out) " moments before these are left out; the history below has them." }
        }
        div.diagram tabindex="0" {
            svg.lanes width=(width) height=(HEAD) aria-hidden="true" {
                @for (index, lane) in diagram.lanes.iter().enumerate() { (lane_head(index, lane)) }
            }
            svg.moments width=(width) height=(height) role="img" aria-label="What went between whom" {
                @for (index, _) in diagram.lanes.iter().enumerate() {
                    line.lane x1=(x(index)) x2=(x(index)) y1="0" y2=(height) {}
                }
                @for (lane, from, to) in &diagram.absences {
                    line.absent x1=(x(*lane)) x2=(x(*lane)) y1=(y(*from)) y2=(y(*to).min(height)) {}
                }
                @for (row, moment) in diagram.moments.iter().enumerate() {
                    a href={ "#event-" (finding) "-" (moment.seq) } {
                        (moment_at(row, width, moment))
                    }
                }
            }
        }
    }
}

fn x(lane: usize) -> usize {
    LEFT + lane * LANE
}

fn y(row: usize) -> usize {
    row * ROW + ROW * 3 / 4
}

fn lane_head(index: usize, lane: &Lane) -> Markup {
    html! {
        g class={ "head " (lane.kind.word()) } {
            title { (lane.kind.word()) " " (lane.name) }
            rect x=(x(index) - LANE * 2 / 5) y="4" width=(LANE * 4 / 5) height=(HEAD - 10) rx="7" {}
            text x=(x(index)) y="19" class="word" { (lane.kind.word()) }
            text x=(x(index)) y="34" class="name" { (shortened(&lane.name, 18)) }
        }
    }
}

fn moment_at(row: usize, width: usize, moment: &Moment) -> Markup {
    let y = y(row);
    html! {
        g.moment .culprit[moment.note.is_some()] {
            title { (milliseconds(moment.at)) " · " (moment.label) }
            rect.hover x="0" y=(y - ROW * 3 / 4 + 2) width=(width) height=(ROW - 2) {}
            text.at x="6" y=(y + 4) { (milliseconds(moment.at)) }
            @match moment.shape {
                Shape::Arrow { from, to, carries } => (arrow(y, x(from), x(to), carries, moment)),
                Shape::Mark { lane, mark } => (mark_at(y, x(lane), width, mark, moment)),
                Shape::Band(band) => (band_at(y, width, band, moment)),
            }
        }
    }
}

fn arrow(y: usize, from: usize, to: usize, carries: Carries, moment: &Moment) -> Markup {
    let class = match carries {
        Carries::Request => "arrow request",
        Carries::Reply => "arrow reply",
        Carries::Record => "arrow record",
        Carries::Commit => "arrow commit",
    };
    // The tip ends a little before the lane that it points at.
    let (tip, wing) = if from < to { (to - 3, to - 12) } else { (to + 3, to + 12) };
    html! {
        g class=(class) {
            line x1=(from) x2=(tip) y1=(y) y2=(y) {}
            polygon points={ (tip) "," (y) " " (wing) "," (y - 5) " " (wing) "," (y + 5) } {}
            circle cx=(from) cy=(y) r="3" {}
        }
        text.label x=(from.min(to) + 10) y=(y - 7) { (label(moment)) (note(moment)) }
    }
}

fn mark_at(y: usize, x: usize, width: usize, mark: Mark, moment: &Moment) -> Markup {
    // Where there is more room.
    let is_left = x > width / 2;
    let (text, anchor) = if is_left { (x - 13, "end") } else { (x + 13, "start") };
    let room = if is_left { text.saturating_sub(TIMES) } else { width.saturating_sub(text) };
    let noted = moment.note.as_ref().map_or(0, |note| note.chars().count() + 4);
    let longest = (room / CHARACTER).saturating_sub(noted).clamp(SHORTEST, LABEL);
    html! {
        @match mark {
            Mark::Point => circle.point cx=(x) cy=(y) r="7" {},
            Mark::End => {
                path.end d={ "M" (x - 7) " " (y - 7) "l14 14m0 -14l-14 14" } {}
            },
            Mark::Start => circle.start cx=(x) cy=(y) r="6" {},
        }
        text.label x=(text) y=(y + 4) text-anchor=(anchor) { (shortened(&moment.label, longest)) (note(moment)) }
    }
}

fn band_at(y: usize, width: usize, band: Band, moment: &Moment) -> Markup {
    let (class, sign) = match band {
        Band::Fault => ("band fault", "⚡ "),
        Band::Turn => ("band turn", ""),
    };
    html! {
        g class=(class) {
            rect x=(LEFT - 60) y=(y - 12) width=(width - LEFT + 54) height="24" rx="5" {}
            text.label x=(LEFT - 50) y=(y + 4) { (sign) (label(moment)) (note(moment)) }
        }
    }
}

fn label(moment: &Moment) -> String {
    shortened(&moment.label, LABEL)
}

fn note(moment: &Moment) -> Markup {
    html! {
        @if let Some(note) = moment.note.as_ref().filter(|note| !note.is_empty()) {
            tspan.note { "  ◀ " (note) }
        }
    }
}

fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
