import { Failure } from '@codegen/protocol/failure'
import { test } from 'tap'
import { limits } from '#limits'
import { createToMarkdown } from './to-markdown.ts'

const options = { baseUrl: 'https://docs.example/guide/page', charactersMax: 40_000 }

test('a page is read as Markdown, with its title and whole links', async (t) => {
  const html = `<!doctype html><html><head><title> The
    guide </title><style>p{}</style><script>alert(1)</script></head><body>
    <h1>Start <em>here</em></h1><p>See <a href="../api?x=1" title="t">the API</a>, <a href="#top">top</a>,
    <a href="javascript:alert(1)">run</a> and <code>snake_case[0]</code>.</p>
    <ul><li>one</li><li>two<ul><li>deep</li></ul></li></ul>
    <pre><code class="language-js">const a = 1\n\n\`\`\`\nb</code></pre><pre>plain\n  indented</pre>
    <table><tr><th>Name</th><th>Type</th></tr><tr><td>a|b</td><td>string<br>or none</td></tr></table>
    <table><tr><td><h2>Laid out</h2><ul><li>by a table</li></ul></td></tr></table>
    <img src="data:image/png;base64,AAAA" alt="a chart">
    </body></html><p>after the end`
  const { title, text, cut } = await convert(html)
  t.equal(title, 'The guide')
  t.equal(cut, false)
  t.equal(
    text,
    [
      '# Start _here_',
      'See [the API](https://docs.example/api?x=1), top, run and `snake_case[0]`.',
      '- one\n- two\n  - deep',
      '~~~~\nconst a = 1\n\n```\nb\n~~~~',
      '```\nplain\n  indented\n```',
      '| Name | Type |\n| --- | --- |\n| a\\|b | string or none |',
      '## Laid out',
      '- by a table',
      'a chart',
      'after the end',
    ].join('\n\n'),
  )
})

test('what is no whole page is read too', async (t) => {
  for (const [html, text] of [
    ['', ''],
    ['just text', 'just text'],
    ['<p>a<p>b', 'a\n\nb'],
    ['<html><p>no body', 'no body'],
    ['<html><head><title>x</title></head>text <b>bold</b>', 'text **bold**'],
    ['<body><div>a</div></body>', 'a'],
    ['<![CDATA[x]]><?php y ?><!-- z -->shown', 'shown'],
    ['<svg><text>drawn</text></svg>a &amp; b &lt;script&gt;', 'a & b <script>'],
  ] as const) {
    t.equal((await convert(html)).text, text, html)
  }
})

test('what a page hides is not read (WF-33)', async (t) => {
  const hidden = [
    '<p hidden>SECRET</p>',
    '<p style="display:none">SECRET</p>',
    '<p style="color:red; DISPLAY : none !important">SECRET</p>',
    '<div style="visibility:hidden"><b>SECRET</b></div>',
    '<span style="opacity:0">SECRET</span>',
    '<span style="opacity:0.0;">SECRET</span>',
    '<span style="font-size:0px">SECRET</span>',
    '<span style="position:absolute;left:-9999px">SECRET</span>',
    '<span style="text-indent:-1000em">SECRET</span>',
    '<span style="dis/**/play:none;color:transparent">SECRET</span>',
    '<span aria-hidden="true">SECRET</span>',
    '<template>SECRET</template><!-- SECRET --><script>SECRET</script><style>SECRET</style>',
    '<input value="SECRET"><textarea>SECRET</textarea><select><option>SECRET</select>',
    '<iframe srcdoc="SECRET">SECRET</iframe><object>SECRET</object>',
    '<a href="https://a.example/" title="SECRET">link</a>',
  ]
  const { text } = await convert(`<p style="opacity:0.5;font-size:10px;height:100px">seen</p>${hidden.join('\n')}`)
  t.match(text, /seen[^]*\[link\]/)
  t.notMatch(text, /SECRET/)
})

test('a page of any size and shape ends within its bounds, and codegend lives on', async (t) => {
  const long = await convert(`<p>${'word '.repeat(100_000)}</p><p>the end</p>`)
  t.same([long.cut, long.text.length <= 40_000, long.text.includes('the end')], [true, true, false])
  const many = await convert('<p>a</p>'.repeat(1_000_000))
  t.equal(many.cut, true)
  const deep = await convert(`top ${'<div>'.repeat(20_000)}bottom`)
  t.same([deep.cut, deep.text], [true, 'top'])
  const list = await convert(`<ol>${'<li>x'.repeat(20_000)}</ol>`)
  t.match(list, { cut: true, text: /^1\. x\n2\. x\n/ })
  const before = process.memoryUsage.rss()
  await t.rejects(convert('<'.repeat(5_000_000)), {
    code: 'fetch.unreadable',
    message: /not within (256 MB of memory|10000 ms).*curl/,
  })
  t.ok(process.memoryUsage.rss() - before < 2 * limits.pageMemoryMbMax * 1024 * 1024)
  const hurried = createToMarkdown(new AbortController().signal, 1)
  await t.rejects(hurried('<p>a', options), { code: 'fetch.unreadable', message: /not within 1 ms/ })
  t.equal((await convert('<p>still works')).text, 'still works')
})

test('pages are read one at a time, and a cancelled one ends at once', async (t) => {
  const controller = new AbortController()
  const huge = createToMarkdown(controller.signal)('<table><tr><td>'.repeat(600_000), options)
  const waiting = createToMarkdown(controller.signal)('<p>a', options)
  const other = convert('<p>next')
  controller.abort(new Failure('client.cancelled', 'Cancelled.'))
  await t.rejects(huge, { code: 'client.cancelled' })
  await t.rejects(waiting, { code: 'client.cancelled' })
  t.equal((await other).text, 'next')
})

function convert(html: string): ReturnType<ReturnType<typeof createToMarkdown>> {
  return createToMarkdown(new AbortController().signal)(html, options)
}
