/** The model's settings are codegend's, as it was started: whoever has just set a variable would otherwise see the same sentence again. */
export function withSettingsHint(code: string, message: string): string {
  if (!aboutSettings.has(code)) return message
  return `${message} codegend keeps the settings it was started with; after a change: codegen daemon restart, then this again.`
}

const aboutSettings = new Set(['model.unconfigured', 'model.unauthenticated', 'model.unknown', 'model.unreachable'])
