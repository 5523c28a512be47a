/** What a failed call says of itself, without what grpc-js adds to it. Pure. */

/** In one line, and the same for the same failure: grpc-js adds the time at which a connection failed, and empty notes. */
export function callDetails(details: string): string {
  return details
    .replace(/\s+/g, ' ')
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/g, '')
    .replace(/\. Resolution note: $/, '');
}
