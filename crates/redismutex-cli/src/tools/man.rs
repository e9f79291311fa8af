//! `redismutex man`: the manual pages, from the same descriptions as `--help`.

use super::output::Output;
use crate::args::{Cli, ManArgs};
use crate::exit::{self, Failure, OTHER};
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use std::io::{self, Write};

/// The variables that are read, and what for.
const VARIABLES: &[(&str, &str)] = &[
    ("REDISMUTEX_URL", "the server, where there is no --url"),
    ("REDIS_URL", "the server, where there is no REDISMUTEX_URL either"),
    ("NO_COLOR", "if set, no colours and no line that changes in its place"),
    ("XDG_RUNTIME_DIR", "where the private server of --local has its directory"),
];

/// Prints a page, or writes all of them into a directory.
pub(crate) fn run(args: &ManArgs) -> Result<u8, Failure> {
    let whole = whole();
    if let Some(dir) = &args.dir {
        for command in std::iter::once(&whole).chain(shown(&whole)) {
            let file = dir.join(format!("{}.1", name(command)));
            std::fs::write(&file, page(command)?)
                .map_err(|error| Failure::new(OTHER, format!("{}: {error}", file.display())))?;
        }
        return Ok(0);
    }
    let command = match &args.command {
        None => &whole,
        Some(wanted) => shown(&whole)
            .find(|command| command.get_name() == wanted)
            .ok_or_else(|| Failure::usage(format!("there is no command `{wanted}`")))?,
    };
    let mut out = Output::new();
    out.write_all(&page(command)?)?;
    out.flush()?;
    Ok(0)
}

fn whole() -> Command {
    // Help of our own kind is no page, and the table of exit codes is a section here.
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    command
}

fn shown(whole: &Command) -> impl Iterator<Item = &Command> {
    whole.get_subcommands().filter(|command| !command.is_hide_set())
}

/// `redismutex`, `redismutex-run`, …: as git names its pages.
fn name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(command.clone().after_help("").after_long_help(""))
        .title(name(command).to_uppercase())
        .source(concat!("redismutex ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    section(&mut page, "EXIT STATUS", exit::rows())?;
    section(&mut page, "ENVIRONMENT", VARIABLES)?;
    Ok(page)
}

fn section(page: &mut Vec<u8>, title: &str, rows: &[(&str, &str)]) -> io::Result<()> {
    writeln!(page, ".SH \"{title}\"")?;
    for (name, meaning) in rows {
        // A dash is a hyphen in roff, unless it is told.
        writeln!(page, ".TP\n\\fB{name}\\fR\n{}", meaning.replace('-', "\\-"))?;
    }
    Ok(())
}
