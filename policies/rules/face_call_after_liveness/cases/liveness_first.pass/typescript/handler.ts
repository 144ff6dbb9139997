import { Faces } from "./faces";

export const handler = async (event: { session: string; account: string }) => {
  const faces = new Faces();
  const live = await faces.live(event.session);
  if (!live.passed) {
    return { statusCode: 403 };
  }
  return { statusCode: (await faces.samePerson(live.picture, event.account)) ? 200 : 403 };
};
