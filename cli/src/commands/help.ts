/** `codegen --help`. */
export const help = `codegen sends a prompt to the coding agent on this machine and shows what it does.

  codegen "add a /health endpoint"     work on the folder you are in
  git diff | codegen "review this"     what is piped in is added to the prompt

How far it may go without you
  --ask           ask before every call that may change something (default): y, n, or a for always
  --auto          ask nothing that the policy allows
  --read-only     no changes

Options
  -C, --cwd DIR         work there instead
  -m, --model NAME      the model to use
      --max-turns N     end after N answers of the model
      --json            one JSON object a line, the events as they are
  -q, --quiet           only the last answer
      --                what follows is the prompt, whatever it looks like

Runs
  codegen runs          the newest runs
  codegen log ID        what a run did
  codegen attach ID     go on watching a run, answering its questions
  codegen cancel ID     end a run
  codegen status        what runs on this machine
  codegen tools         what the model may call
An id may be cut to its beginning. runs, status and tools take --json too.

Ctrl-C ends the run, a second one leaves at once. When the terminal is closed the run goes on.

Exit codes  0 done   1 failed   2 wrong usage   3 a limit was reached   4 codegend or its server cannot be reached
            5 a call was denied because there was no terminal to ask on   130 interrupted
`
