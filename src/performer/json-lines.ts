/** Answers that come in pieces: one JSON object a line, as those of an engine or a cluster. */

/**
 * Ends with the stream; a stream that is left early is closed.
 * @throws Error when the connection breaks, or a line is no JSON
 */
export async function* jsonLines(stream: AsyncIterable<string | Buffer>): AsyncGenerator<unknown, void> {
  const decoder = new TextDecoder();
  let partial = '';
  for await (const chunk of stream) {
    const lines = (
      partial + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))
    ).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line);
  }
  if (partial.trim() !== '') yield JSON.parse(partial);
}
