"""CloudFront: an invalidation is ``Completed``, as the service spells it (moto: COMPLETED), so that what waits for the word ends."""

from __future__ import annotations

from typing import Any

from moto.cloudfront.responses import CloudFrontResponse
from moto.cloudfront.urls import url_paths as _moto_paths


class CorrectedCloudFront(CloudFrontResponse):  # type: ignore[misc]
    """moto's CloudFront with the service's own word for what is done."""

    def create_invalidation(self) -> Any:
        answer = super().create_invalidation()
        answer.result["Invalidation"].status = "Completed"
        return answer


url_paths = dict.fromkeys(_moto_paths, CorrectedCloudFront.dispatch)
