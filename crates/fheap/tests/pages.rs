//! What is made from the arguments - help, completions, manual - and the two that try the machine.

mod common;

use std::fs;

use common::*;

const COMMANDS: [&str; 19] = [
    "info",
    "ls",
    "get",
    "dump",
    "export",
    "import",
    "map",
    "stat",
    "top",
    "check",
    "repair",
    "backup",
    "compact",
    "trim",
    "gc",
    "doctor",
    "bench",
    "completions",
    "man",
];

#[test]
fn every_command_has_help_and_a_page() {
    let scratch = Scratch::new("man");
    let folder = scratch.file("pages");
    fheap(&["man", folder.to_str().unwrap()]).ends(0);
    for name in COMMANDS {
        fheap(&[name, "--help"]).ends(0).says(&["Usage: fheap", name]);
        let page = fs::read_to_string(folder.join(format!("fheap-{name}.1"))).unwrap();
        assert!(page.contains(".SH NAME") && page.contains(&format!("fheap\\-{name}")), "{page}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), COMMANDS.len() + 1);
    fheap(&["man"]).ends(0).says(&[".TH", "Exit codes"]);
}

#[test]
fn shells_get_their_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        fheap(&["completions", shell]).ends(0).says(&["doctor", "accept-loss"]);
    }
    fheap(&["completions", "abacus"]).ends(2);
}

/// What a shell offers behind a line, by the script for it.
fn offered(scratch: &Scratch, shell: &str, line: &str) -> Vec<String> {
    let (file, script) = match shell {
        "fish" => ("fheap.fish", "source $FILE; complete -C $LINE"),
        "zsh" => ("_fheap", ZSH),
        _ => ("fheap.bash", BASH),
    };
    let path = scratch.file(file);
    fs::write(&path, fheap(&["completions", shell]).ends(0).out).unwrap();
    let mut command = std::process::Command::new(shell);
    command.arg(if shell == "zsh" { "-fc" } else { "-c" }).arg(script);
    command.env("FILE", &path).env("LINE", line).env("HOME", &scratch.0);
    let output = command.current_dir(&scratch.0).output().expect("`make setup` gets all shells");
    let out = String::from_utf8_lossy(&output.stdout);
    let words = out.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned());
    words.filter(|word| !word.is_empty()).collect()
}

const BASH: &str = r#"
source "$FILE"
read -ra COMP_WORDS <<<"$LINE"
[[ $LINE == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_fheap fheap "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

/// Completion needs a terminal here; what it would be told does not.
const ZSH: &str = r#"
fpath=(${FILE:h} $fpath); autoload -Uz compinit; compinit -u -D
[[ $_comps[fheap] == _fheap ]] || exit 1
_describe() { print -rl -- ${(P)4%%:*}; }
_arguments() { print -rl -- ${@%%[:=\[]*}; }
autoload -Uz +X _fheap; _fheap; _fheap_commands
"#;

#[test]
fn shells_complete() {
    let scratch = Scratch::new("complete");
    for shell in ["bash", "fish", "zsh"] {
        let words = offered(&scratch, shell, "fheap ");
        for name in COMMANDS {
            assert!(words.iter().any(|word| word == name), "{shell} lacks {name}: {words:?}");
        }
    }
    for shell in ["bash", "fish"] {
        let words = |line| offered(&scratch, shell, line);
        assert_eq!(words("fheap --json rep"), ["repair"], "{shell}");
        assert_eq!(words("fheap repair x.heap --acc"), ["--accept-loss"], "{shell}");
        assert_eq!(words("fheap get x.heap y --format n"), ["npy"], "{shell}");
        assert_eq!(words("fheap help do"), ["doctor"], "{shell}");
        assert!(words("fheap completions ").contains(&"powershell".to_owned()), "{shell}");
    }
}

#[test]
fn arguments_that_make_no_sense_are_usage_errors() {
    fheap(&[]).ends(2).complains(&["Usage"]);
    fheap(&["frobnicate"]).ends(2);
    fheap(&["get", "only-a-heap"]).ends(2);
    fheap(&["--version"]).ends(0).says(&["fheap 0."]);
    let help = fheap(&["--help"]).ends(0).says(&["Exit codes"]);
    let guide = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/CLI.md"));
    let guide = guide.unwrap();
    for line in help.out.lines().skip_while(|line| !line.starts_with("Exit codes")).skip(1) {
        let (code, meaning) = line.trim().split_once("  ").unwrap();
        assert!(guide.contains(&format!("| {code} | {meaning} |")), "docs/CLI.md on code {code}");
    }
    for name in COMMANDS {
        assert!(guide.contains(&format!("fheap {name}")), "docs/CLI.md does not speak of {name}");
    }
}

#[test]
fn who_closes_the_pipe_early_causes_no_error() {
    let scratch = Scratch::new("pipe");
    let heap = sample(&scratch);
    let script = format!(
        "{} get {} @16+1000000 -f text -n 0 | head -n 1; echo ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_fheap"),
        heap.display()
    );
    let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!((text.lines().last(), output.stderr), (Some("0"), Vec::new()));
}

/// Runs a command with a terminal for its output; returns what that showed.
fn on_a_terminal(arguments: &str) -> String {
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_fheap"));
    let output = std::process::Command::new("script").args(["-qec", &line, "/dev/null"]).output();
    String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
}

#[test]
fn long_work_shows_on_a_terminal_only_how_far_it_is() {
    let scratch = Scratch::new("bars");
    let heap = sample(&scratch);
    let (path, copy) = (heap.to_str().unwrap(), scratch.file("copy.heap"));
    for (name, word) in [("check", "checking ["), ("trim", "punching holes [")] {
        assert!(on_a_terminal(&format!("{name} {path}")).contains(word), "{name}");
        assert!(!on_a_terminal(&format!("{name} {path} -q")).contains(word), "{name} -q");
        assert_eq!(on(&heap, name, &[]).ends(0).err, "");
    }
    assert_eq!(on(&heap, "backup", &[copy.to_str().unwrap()]).ends(0).err, "");
}

#[test]
fn doctor_tries_every_assumption() {
    let scratch = Scratch::new("doctor");
    let told = fheap(&["doctor", scratch.0.to_str().unwrap(), "--json"]).ends(0).json();
    let probes = told["probes"].as_array().unwrap();
    assert_eq!(probes.len(), fileheap_probes::PROBES.len());
    assert!(probes.iter().any(|probe| probe["verdict"] == "holds"));
    assert!(told["filesystem"].as_str().unwrap().contains(" at /"));
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 0, "nothing is left behind");
    fheap(&["doctor", "/no/such/folder"]).ends(3);
}

#[test]
fn bench_measures_each_beside_a_limit() {
    let scratch = Scratch::new("bench");
    let folder = scratch.0.to_str().unwrap();
    let arguments = ["bench", folder, "--seconds", "0.01", "--mib", "1", "--json"];
    let lines = fheap(&arguments).ends(0).json();
    let lines = lines.as_array().unwrap();
    assert_eq!(lines.len(), 6);
    for line in lines {
        assert!(line["ns"].as_f64().unwrap() > 0.0 && line["limit_ns"].as_f64().unwrap() > 0.0);
        assert!(line["rounds"].as_u64().unwrap() >= 3);
    }
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 0, "nothing is left behind");
}
