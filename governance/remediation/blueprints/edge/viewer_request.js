// CloudFront function on viewer-request (runtime cloudfront-js-2.0): refuses what was taken down, also what is still cached.
// The key-value store holds the SHA-256 of each key that was taken down. Whatever can't be answered is refused.
import cf from 'cloudfront';
import crypto from 'crypto';

const takedowns = cf.kvs();

function refused(status, words) {
  return { statusCode: status, statusDescription: words, headers: { 'cache-control': { value: 'no-store' } } };
}

async function handler(event) {
  const request = event.request;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return refused(405, 'Method Not Allowed');
  }
  let name;
  try {
    name = crypto.createHash('sha256').update(decodeURIComponent(request.uri.slice(1))).digest('hex');
  } catch (malformed) {
    return refused(400, 'Bad Request');
  }
  try {
    if (await takedowns.exists(name)) {
      return refused(410, 'Gone');
    }
  } catch (outOfReach) {
    return refused(503, 'Service Unavailable');
  }
  return request;
}
