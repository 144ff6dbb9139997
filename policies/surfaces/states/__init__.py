"""State machines of AWS Step Functions that ask Amazon Rekognition about faces, as functions of source code (``Averment::Code::Function``)."""
