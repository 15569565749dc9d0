/** One metric family as Prometheus reads it. */
export type Family = { readonly type: string; readonly help: string; readonly samples: Sample[] }
type Sample = { readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly value: number }

/** Reads Prometheus' text format 0.0.4, strictly: each sample belongs to a family that was announced with HELP and TYPE, and no series is there twice. */
export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('The last line does not end.')
  const families = new Map<string, Family>()
  const seen = new Set<string>()
  let help = new Map<string, string>()
  for (const line of text.split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line)
    if (comment) {
      const [, what, name = '', rest = ''] = comment
      if (families.has(name)) throw new Error(`${name} is announced twice.`)
      if (what === 'HELP') help = new Map([[name, rest]])
      else if (!/^(counter|gauge|histogram|summary|untyped)$/.test(rest)) throw new Error(`${name}: no type ${rest}`)
      else families.set(name, { type: rest, help: help.get(name) ?? '', samples: [] })
    } else if (line !== '') {
      const sample = parseSample(line)
      const series = JSON.stringify([
        sample.name,
        Object.entries(sample.labels).toSorted(([a], [b]) => a.localeCompare(b)),
      ])
      if (seen.has(series)) throw new Error(`${series} is there twice.`)
      seen.add(series)
      familyOf(families, sample.name).samples.push(sample)
    }
  }
  return families
}

/** The value of a family's one sample that has these labels; a histogram's `_count` or `_sum` by that name. */
export function valueOf(families: Map<string, Family>, name: string, labels: Record<string, string> = {}): number {
  const found = [...families.values()]
    .flatMap((family) => family.samples)
    .filter((sample) => sample.name === name && isLabelled(sample, labels))
  if (found.length !== 1) throw new Error(`${name} ${JSON.stringify(labels)} is there ${found.length} times.`)
  return found[0]?.value ?? Number.NaN
}

function isLabelled({ labels }: Sample, wanted: Record<string, string>): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value)
}

function parseSample(line: string): Sample {
  const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
  if (!match) throw new Error(`No sample: ${line}`)
  const [, name = '', labels = '', value = ''] = match
  return { name, labels: parseLabels(labels), value: toNumber(value) }
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  let rest = text
  while (rest !== '') {
    const match = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/.exec(rest)
    if (!match) throw new Error(`No labels: ${text}`)
    const [whole, name = '', value = ''] = match
    labels[name] = value
    rest = rest.slice(whole.length)
  }
  return labels
}

/** As Go's ParseFloat does, by which Prometheus reads: its words come in any case. */
function toNumber(text: string): number {
  const infinite = /^([+-]?)inf(inity)?$/i.exec(text)
  if (infinite) return infinite[1] === '-' ? -Infinity : Infinity
  const number = Number(text)
  if (!/^nan$/i.test(text) && Number.isNaN(number)) throw new Error(`No number: ${text}`)
  return number
}

function familyOf(families: Map<string, Family>, name: string): Family {
  const own = families.get(name)
  const whole = families.get(name.replace(/_(bucket|sum|count)$/, ''))
  const family = own ?? (whole && /^(histogram|summary)$/.test(whole.type) ? whole : undefined)
  if (!family) throw new Error(`${name} was not announced.`)
  return family
}
