const { livePicture } = require("./liveness");
const faces = require("./faces");

exports.handler = async (event) => {
  const picture = await livePicture(event.session);
  return { samePerson: await faces.samePerson(picture, event.account) };
};
