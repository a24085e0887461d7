//! `tacit`: see [`tacit`], the library, for what it does.

fn main() -> std::process::ExitCode {
    tacit::cli::main()
}
