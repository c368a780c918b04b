// The page's script: fetches a token of its own, calls the provider through the gateway with it, and shows the stream.

/** Tells each piece of the answer as it comes. */
export async function ask(question, show, base = '') {
  const { token } = await (await fetch(`${base}/token`, { method: 'POST' })).json()
  const answer = await fetch(`${base}/v1/providers/openai/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'gpt-4o-mini',
      max_tokens: 200,
      stream: true,
      messages: [{ role: 'user', content: question }],
    }),
  })
  if (!answer.ok) throw new Error((await answer.json()).error.message)
  // Not every browser can loop over a stream.
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let unread = ''
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const lines = (unread + read.value).split('\n')
    unread = lines.pop()
    for (const line of lines) {
      if (!line.startsWith('data: {')) continue
      show(JSON.parse(line.slice(6)).choices[0]?.delta.content ?? '')
    }
  }
}

const form = globalThis.document?.querySelector('form')
form?.addEventListener('submit', (event) => {
  event.preventDefault()
  const shown = document.querySelector('#answer')
  shown.textContent = ''
  ask(form.question.value, (text) => shown.append(text)).catch((error) => shown.append(error.message))
})
