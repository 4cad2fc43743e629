//! `doorward completions`: what a shell needs to complete the command line.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{CommandLine, Exit, Failure, print};

const EXAMPLES: &str = "\
Examples:
  doorward completions bash > /etc/bash_completion.d/doorward
  doorward completions zsh > \"${fpath[1]}/_doorward\"
  doorward completions fish > ~/.config/fish/completions/doorward.fish";

/// Print what a shell needs to complete the command line.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CompletionsCommand {
    /// The shell.
    shell: Shell,
}

/// Prints the completions.
///
/// # Errors
///
/// They cannot be written.
pub(super) fn run(command: &CompletionsCommand) -> Result<Exit, Failure> {
    print(&script(command.shell)).map(|()| Exit::Success)
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut CommandLine::command(), env!("CARGO_PKG_NAME"), &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn bash_takes_the_script_and_completes_by_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("doorward");
        std::fs::write(&file, script(Shell::Bash)).expect("written");
        let ask = "source \"$1\"; COMP_WORDS=(doorward keys ro) COMP_CWORD=2; _doorward doorward ro keys; echo ${COMPREPLY[@]}";
        let asked = Command::new("bash").args(["-c", ask, "bash"]).arg(&file).output().expect("bash runs");
        assert_eq!(String::from_utf8_lossy(&asked.stdout).trim(), "rotate", "{asked:?}");
    }

    #[test]
    fn every_shell_is_told_of_every_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let script = script(shell);
            for command in CommandLine::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
        }
    }
}
