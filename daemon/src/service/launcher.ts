/** What a launcher is made of. Paths are absolute. */
export type LaunchPlan = {
  readonly home: string
  /** CODEGEN_SOCKET where it is set. */
  readonly socket: string | undefined
  /** Where commands look for programs. */
  readonly path: string
  /** The Node and the codegend of whoever installs. Both may be gone later. */
  readonly node: string
  readonly nodeOptions: readonly string[]
  readonly program: string
}

/**
 * The script that starts codegend at login, for `/bin/sh`. It looks for a Node that fits each time, because version managers put each version into a folder of its
 * own and remove old ones. Its words are codegend's, but for two: with `--reload` a codegend that takes over is started in the background; with `--which` it starts nothing and prints the Node and the codegend it would start; where it finds none it says so and exits 78.
 */
export function renderLauncher({ home, socket, path, node, nodeOptions, program }: LaunchPlan): string {
  return `#!/bin/sh
# Starts codegend at login. Written by "codegen service install", removed by "codegen service uninstall".
export CODEGEN_HOME=${quote(home)}
${socket === undefined ? '' : `export CODEGEN_SOCKET=${quote(socket)}\n`}export CODEGEN_SERVICE=1
export PATH=${quote(path)}
installed_node=${quote(node)}
installed_program=${quote(program)}

# The settings that were taken along: NAME=VALUE, taken as they are.
if [ -r "$CODEGEN_HOME/service/environment" ]; then
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in [A-Za-z_]*=*) ;; *) continue ;; esac
    name=\${line%%=*}
    case $name in *[!A-Za-z0-9_]*) continue ;; esac
    export "$name=\${line#*=}"
  done < "$CODEGEN_HOME/service/environment"
fi

${finders}

if ! find_node; then
  echo "codegend cannot be started: there is no Node 24 or newer where it was looked for; install one, then: codegen service install" >&2
  exit 78
fi
if ! find_program; then
  echo "codegend cannot be started: $installed_program is gone; install CodeGen again, then: codegen service install" >&2
  exit 78
fi
if [ "$1" = --which ]; then
  printf '%s\\n%s\\n' "$node" "$program"
  exit 0
fi
reload=
if [ "$1" = --reload ]; then
  reload=1
  shift
fi
# A small nursery: codegend waits most of the time, and starting a command copies the page tables of all it holds.
set -- --max-semi-space-size=1 ${nodeOptions.map((option) => `${quote(option)} `).join('')}"$program" "$@"
if [ "$reload" = 1 ]; then
  "$node" "$@" --take-over < /dev/null &
  exit 0
fi
exec "$node" "$@"
`
}

const finders = `fits() {
  [ -f "$1" ] && [ -x "$1" ] && "$1" -e 'process.exit(parseInt(process.versions.node, 10) >= 24 ? 0 : 1)' 2> /dev/null
}

find_node() {
  for node in "$installed_node" "$(command -v node)" \\
    "$HOME/.volta/bin/node" "$HOME/.asdf/shims/node" "$HOME/.local/share/mise/shims/node" \\
    "$HOME/.local/share/fnm/aliases/default/bin/node" "\${NVM_DIR:-$HOME/.nvm}"/versions/node/*/bin/node \\
    "$HOME"/.asdf/installs/nodejs/*/bin/node "$HOME"/.local/share/mise/installs/node/*/bin/node \\
    /opt/homebrew/bin/node /usr/local/bin/node /usr/bin/node; do
    fits "$node" && return 0
  done
  return 1
}

find_program() {
  for program in "$installed_program" "\${node%/*}/codegend" "$(command -v codegend)"; do
    [ -f "$program" ] && return 0
  done
  return 1
}`

/** A text as one word of the shell, whatever is in it. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
