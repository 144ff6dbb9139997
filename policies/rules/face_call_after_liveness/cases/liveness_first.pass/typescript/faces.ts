import {
  CompareFacesCommand,
  GetFaceLivenessSessionResultsCommand,
  RekognitionClient,
} from "@aws-sdk/client-rekognition";

export class Faces {
  constructor(private readonly client: RekognitionClient = new RekognitionClient({})) {}

  async live(sessionId: string): Promise<{ passed: boolean; picture?: Uint8Array }> {
    const command = new GetFaceLivenessSessionResultsCommand({ SessionId: sessionId });
    const result = await this.client.send(command);
    const confidence = result.Confidence ?? 0;
    return { passed: confidence >= 90, picture: result.ReferenceImage?.Bytes };
  }

  async samePerson(picture: Uint8Array | undefined, account: string): Promise<boolean> {
    const answer = await this.client.send(
      new CompareFacesCommand({
        SourceImage: { S3Object: { Bucket: "larkspur-accounts", Name: account } },
        TargetImage: { Bytes: picture },
      }),
    );
    return (answer.FaceMatches?.length ?? 0) > 0;
  }
}
